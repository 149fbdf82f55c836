// Makes what is shown like what is wanted.

import { Idiomorph } from "./idiomorph.js";

// What is alike is not replaced: focus, open receipts and live regions stay what they are. Elements
// marked data-keep are the page's own.
export function morph(shown, wanted) {
  Idiomorph.morph(shown, wanted, {
    callbacks: {
      beforeNodeMorphed: (node) => !(node instanceof Element && node.hasAttribute("data-keep")),
      beforeAttributeUpdated: (name) => name !== "aria-expanded",
    },
  });
}
