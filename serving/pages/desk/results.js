// Choosing rows of the list: all of a page at once, and how many are chosen. Without it each can be ticked alone.

const form = document.getElementById("rows");
if (form) {
  const all = document.getElementById("all");
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const buttons = [...form.querySelectorAll("#chosen button")];

  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    document.getElementById("count").textContent = String(chosen);
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
    for (const button of buttons) button.disabled = chosen === 0;
  };

  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    count();
  });
  form.addEventListener("change", count);
  count();
}
