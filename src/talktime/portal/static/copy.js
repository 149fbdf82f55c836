// A button with data-copy copies the field it names. Without this script the field can be selected.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  const words = button.textContent;
  const say = document.createElement("span");
  say.setAttribute("role", "status");
  say.className = "unseen";
  button.after(say);
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.focus(); // not allowed here: selected, it is one key away
      field.select();
      say.textContent = "Selected: copy it with your keyboard";
      return;
    }
    button.textContent = button.dataset.done;
    say.textContent = button.dataset.done;
    setTimeout(() => {
      button.textContent = words;
      say.textContent = "";
    }, 4000);
  });
}
