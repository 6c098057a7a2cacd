// Three small helps; every page works without them.
(() => {
  "use strict";

  // 1. The first thing read aloud after a mistake is what went wrong.
  const summary = document.querySelector("[data-error-summary]");
  if (summary) {
    summary.focus();
    summary.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']");
      const field = link && document.getElementById(link.hash.slice(1));
      if (field) {
        event.preventDefault();
        (field.closest("fieldset") || field.closest(".govuk-form-group") || field).scrollIntoView();
        field.focus({ preventScroll: true });
      }
    });
  }

  // 2. A second click of an impatient finger is not a second post.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.posted && !event.target.dataset.download) {
      event.preventDefault();
    }
    event.target.dataset.posted = "yes";
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form").forEach((form) => delete form.dataset.posted);
  });

  // 3. A tap in the email is an answer: the page posts itself, once somebody is looking at it. Not when the
  //    browser only prepares the page, and not on "back", where it would undo an answer changed since.
  const form = document.querySelector("form[data-post-itself]");
  const arrival = performance.getEntriesByType("navigation")[0];
  if (form && (!arrival || arrival.type === "navigate")) {
    let isPosted = false; // stays true when the browser brings the page back from its memory
    const post = () => {
      if (document.visibilityState === "visible" && !document.prerendering && !isPosted) {
        isPosted = true;
        form.requestSubmit();
      }
    };
    document.addEventListener("visibilitychange", post);
    document.addEventListener("prerenderingchange", post);
    post();
  }
})();
