// Keys, clocks, pictures that show while a key is held, and the case that is given back. Every act is a form that
// works without this file.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (text) => { const place = $("#announce"); if (place) place.textContent = text; };
  document.documentElement.classList.add("script");

  // Times in the reader's zone; the original stays as the title.
  const localize = (root) => $$("time[datetime]", root).forEach((time) => {
    const moment = new Date(time.dateTime);
    if (!time.title && !Number.isNaN(moment.getTime())) {
      time.title = time.textContent;
      time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    }
  });

  const left = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    return s < 120 ? `${s} s` : s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
  };
  const tick = () => {
    $$("[data-deadline]").forEach((clock) => {
      const ms = clock.dataset.deadline / 1000 - Date.now();
      clock.textContent = ms > 0 ? `${left(ms)} left` : "deadline over";
      clock.classList.toggle("soon", ms < 3600000);
    });
    const undo = $("#undo");
    if (undo && undo.dataset.until) {
      const ms = undo.dataset.until / 1000 - Date.now();
      const button = $("button", undo);
      if (button && ms <= 0) button.remove();
      else if (button) $("[data-left]", undo).textContent = left(ms + 999);
    }
  };

  // A case is given back when its page is left for another one.
  const box = $("#case");
  let staying = false;
  document.addEventListener("submit", () => { staying = true; });
  window.addEventListener("pagehide", () => {
    if (!box || !("mine" in box.dataset) || staying) return;
    const form = new URLSearchParams({ csrf: box.dataset.csrf, quiet: "1" });
    navigator.sendBeacon(box.dataset.leave, form);
  });

  // An act is sent once, and not without the reason that the policy asks for.
  const acts = $("#acts");
  let sent = false;
  if (acts) {
    acts.addEventListener("submit", (event) => {
      const act = (event.submitter && event.submitter.value || "").split("-")[0];
      const needs = acts.dataset.needs.split(" ").filter(Boolean);
      const reason = $("#reason");
      if (needs.includes(act) && reason && !reason.value.trim()) {
        event.preventDefault();
        staying = false;
        reason.focus();
        say(`The policy asks for a reason with ${act}.`);
        return;
      }
      if (sent) event.preventDefault();
      sent = true;
    });
    $$("[data-reason]", acts).forEach((button) => button.addEventListener("click", () => {
      $("#reason").value = button.dataset.reason;
      $$("[data-reason]", acts).forEach((one) => one.classList.toggle("chosen", one === button));
      say(`Reason: ${button.dataset.reason}`);
    }));
  }

  // Pictures: each look is a request, and so a record; nothing is kept when the key is let go.
  const show = (link) => {
    if ($("img", link)) return;
    const image = document.createElement("img");
    image.alt = $("span", link).textContent;
    image.draggable = false;
    image.src = `${link.getAttribute("href")}&look=${Date.now()}`;
    link.append(image);
  };
  const hide = () => $$("[data-reveal] img").forEach((image) => { image.removeAttribute("src"); image.remove(); });
  $$("[data-reveal]").forEach((link) => {
    link.addEventListener("click", (event) => event.preventDefault());
    link.addEventListener("contextmenu", (event) => event.preventDefault());
    link.addEventListener("dragstart", (event) => event.preventDefault());
    link.addEventListener("pointerdown", (event) => { if (event.button === 0) show(link); });
    link.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") { event.preventDefault(); if (!event.repeat) show(link); }
    });
    link.addEventListener("keyup", hide);
    link.addEventListener("blur", hide);
  });
  ["pointerup", "pointercancel"].forEach((name) => document.addEventListener(name, hide));
  window.addEventListener("blur", hide);
  document.addEventListener("visibilitychange", () => { if (document.hidden) hide(); });

  // The list is fetched again by itself while nobody works in it.
  setInterval(() => {
    const rows = $("#rows");
    if (!rows || document.hidden || !window.htmx || rows.contains(document.activeElement)) return;
    if (!$("input:checked", rows)) window.htmx.trigger(rows, "refresh");
  }, 30000);
  document.addEventListener("htmx:afterSettle", (event) => { localize(event.target); tick(); });

  const move = (by) => {
    const rows = $$("[data-row]").filter((row) => row.offsetParent !== null);
    if (!rows.length) return;
    const here = rows.indexOf(document.activeElement);
    const at = here >= 0 ? here : rows.findIndex((row) => row.getAttribute("aria-current"));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (box && next.getAttribute("href").startsWith("/review/cases/")) next.click();
    else next.focus();
  };
  const help = async () => {
    const open = $("dialog[open]");
    if (open) { open.close(); return; }
    const answer = await fetch("/review/help");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", "Keys");
    dialog.append(document.adoptNode($("#keys", page)));
    const close = document.createElement("button");
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.append(close);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };
  const press = (selector) => { const found = $(selector); if (found) found.click(); return Boolean(found); };
  const keys = {
    j: () => move(1), k: () => move(-1), "?": help,
    g: () => press("#take"), z: () => press("#undo button"),
    q: () => { if (!press("#leave button")) location.href = "/review"; },
    "/": () => { const search = $("#search"); if (search) search.focus(); else location.href = "/review/requests"; },
    o: () => { const first = $(".overturn button"); if (first) first.focus(); },
    n: () => { const note = $("#note"); if (note) note.focus(); },
    t: () => { const tags = $("#tags"); if (tags) tags.focus(); },
    p: () => { const rules = $("#policy"); if (rules) { rules.open = !rules.open; if (rules.open) rules.scrollIntoView({ block: "start" }); $("summary", rules).focus(); } },
    " ": () => { const picture = $("[data-reveal]"); if (picture) { picture.focus(); show(picture); } },
  };
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, textarea, select, [contenteditable]");
    if (field) {
      if (event.key === "Escape") field.blur();
      if (event.ctrlKey && event.key === "Enter" && (field.id === "note" || field.id === "tags")) {
        press(`#acts [value=${field.id === "note" ? "note" : "tag"}]`);
      }
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || $("dialog[open]")) return;
    if (/^[1-9]$/.test(event.key)) { const chip = $$("[data-reason]")[event.key - 1]; if (chip) chip.click(); return; }
    if (event.key === " " && (event.repeat || !$("[data-reveal]") || event.target.closest("button, a, summary"))) {
      if ($("[data-reveal] img")) event.preventDefault();
      return;
    }
    const act = acts && $(`[data-key="${CSS.escape(event.key)}"]`, acts);
    const run = act ? () => { if (!event.repeat) act.click(); } : Object.hasOwn(keys, event.key) ? keys[event.key] : null;
    if (run) { event.preventDefault(); run(); }
  });

  localize(document);
  tick();
  setInterval(tick, 1000);
  const current = $(".beside [aria-current]");
  if (current) current.scrollIntoView({ block: "nearest" });
})();
