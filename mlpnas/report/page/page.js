"use strict";
const plots = [...document.querySelectorAll(".plot")];

// a phone has room for the dots, not for their names
function narrowed({ data, layout }) {
  Object.assign(layout.margin, { l: 8, r: 8 });
  Object.assign(layout.legend, { y: -76 / (layout.height - 64), yanchor: "top" });
  layout.font.size = 12;
  for (const name of ["xaxis", "yaxis", "yaxis2"]) if (layout[name]) layout[name].fixedrange = true;
  if (layout.meta?.narrow) layout.annotations = layout.meta.narrow;
  if (layout.yaxis2) layout.yaxis2.title.text = "";
  for (const trace of data) {
    if (trace.meta === "labels") trace.mode = "markers";
    if (trace.type === "box") trace.name = trace.name.replace(/<br>.*/, "");
  }
}

for (const plot of plots) {
  const figure = JSON.parse(document.querySelector(`script[data-for="${plot.id}"]`).textContent);
  if (plot.clientWidth < 560) narrowed(figure);
  Plotly.newPlot(plot, figure.data, figure.layout, {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage", "resetScale2d"]],
    toImageButtonOptions: { filename: plot.id, scale: 2 },
  });
}

// a printed page is narrower than the window
const resize = () => plots.forEach((plot) => Plotly.Plots.resize(plot));
addEventListener("beforeprint", resize);
addEventListener("afterprint", resize);

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy"); // the clipboard is closed to some pages that were opened from a file
  area.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".command button");
  if (!button) return;
  await copy(button.previousElementSibling.textContent);
  button.textContent = "copied";
  setTimeout(() => (button.textContent = "copy"), 1500);
});
