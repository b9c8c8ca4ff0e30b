// Texts whose contrast to what lies behind them is under 4.5 : 1 (3 : 1 where they are large).
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const kept = new Map();
  const painted = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const rgb = (colour) => kept.get(colour) ?? kept.set(colour, painted(colour)).get(colour);
  const part = (value) => (value <= 0.03928 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = rgb(getComputedStyle(at).backgroundColor);
      if (found[3] > 230) return found;
    }
    return rgb(getComputedStyle(document.body).backgroundColor);
  };
  const wrong = new Set();
  for (const element of document.querySelectorAll("#app *, #docs *")) {
    const told = [...element.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (!told || !element.checkVisibility() || element.closest("svg, .unseen, [disabled], select")) continue;
    const style = getComputedStyle(element);
    const [more, less] = [light(rgb(style.color)), light(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.6 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (more + 0.05) / (less + 0.05);
    if (ratio < least) wrong.add(`${element.className} ${element.innerText.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return [...wrong];
}
