"use strict";
const form = document.getElementById("passkey");
const trouble = document.getElementById("trouble");
form.addEventListener("submit", async (event) => {
  if (form.answer.value) return;
  event.preventDefault();
  trouble.hidden = true;
  try {
    const options = JSON.parse(form.dataset.options);
    const made = form.dataset.kind === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    form.answer.value = JSON.stringify(made.toJSON());
    form.submit();
  } catch (error) {
    trouble.textContent = error.name === "InvalidStateError"
      ? "This device has a passkey for you already."
      : "That did not work: no passkey was used. Try again, or choose another way.";
    trouble.hidden = false;
  }
});
