// Comfort only: every page works without this file. No state is kept.
"use strict";

// Reads a live part again, only while somebody looks at it and types nothing there.
for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => {
    if (document.visibilityState === "visible") document.body.dispatchEvent(new Event("refresh"));
  }, 1000 * Number(part.dataset.refresh));
}

// Tells each moment in the person's own time as well.
function tellLocalTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) + " in your time zone";
  }
}
tellLocalTimes();
document.addEventListener("htmx:after:swap", tellLocalTimes);

// Chooses all accounts of a table at once; without a script there is no such box.
for (const all of document.querySelectorAll("[data-choose-all]")) {
  all.hidden = false;
  const boxes = () => all.closest("form").querySelectorAll("input[name=account]");
  all.querySelector("input").addEventListener("change", (event) => {
    for (const box of boxes()) box.checked = event.target.checked;
  });
}

// Shows only the rows of a table that hold the text.
for (const field of document.querySelectorAll("[data-filter]")) {
  field.closest(".filter").hidden = false;
  const rows = document.querySelectorAll(field.dataset.filter);
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLocaleLowerCase();
    for (const row of rows) row.hidden = !row.dataset.text.toLocaleLowerCase().includes(wanted);
  });
}
