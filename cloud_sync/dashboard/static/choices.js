// A choice of language or theme takes effect at once; without scripts there is a button.
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-submits]")) event.target.form.submit();
});
