// Contrast of colours as WCAG 2 defines it.

function channels(css) {
  const hex = /^#(..)(..)(..)$/.exec(css);
  return hex ? hex.slice(1).map((c) => parseInt(c, 16)) : css.match(/[\d.]+/g).slice(0, 3).map(Number);
}

function luminance(css) {
  const [r, g, b] = channels(css).map((c) => (c <= 10.31475 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
