// Runs in the page before its own scripts: remembers what is drawn as text on each canvas, and in
// which colour. Canvases keep no text that a test could read.

export function spy() {
  const drawn = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function fillText(text, ...rest) {
    (this.canvas.texts ??= new Map()).set(String(text), this.fillStyle);
    return drawn.call(this, text, ...rest);
  };
  window.alert = () => {
    window.alerted = true;
  };
}
