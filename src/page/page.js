// Takes the page anew in place, so that the scroll, what was opened and the focus stay.
const INTERVAL = 15000;

const renew = async () => {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(INTERVAL) });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const old = document.querySelector("main"), main = page.querySelector("main");
    for (const { id } of old.querySelectorAll("details[open]")) main.querySelector(`#${id}`)?.setAttribute("open", "");
    const focused = document.activeElement?.id;
    old.replaceWith(main);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    document.title = page.title;
    document.getElementById("lost").hidden = true;
  } catch {
    document.getElementById("lost").hidden = false;
  }
  setTimeout(renew, INTERVAL);
};
setTimeout(renew, INTERVAL);
