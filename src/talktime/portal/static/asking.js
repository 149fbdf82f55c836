// Every script asks the server through here: where this page stands within another site's, it says
// so, for the browser tells it of pages only. A browser may have two sessions, one for each.

const WITHIN = window.top === window.self ? {} : { "Talktime-Within": "1" };

export function ask(address, request = {}) {
  return fetch(address, { ...request, headers: { ...request.headers, ...WITHIN } });
}
