"use strict";
/* The handcrafted network onehot2coord, live. The answer comes from the bitmap through the four
   steps, never from the click. Maps are Float32Arrays of SIZE * SIZE, row after row. */
(() => {
  const SIZE = 64;
  const SCALE = 6; // canvas pixels a bitmap pixel
  const demo = document.getElementById("demo");
  // In a report it is folded on a phone, where it is long; a link to it unfolds it.
  const fold = document.getElementById("try");
  if (fold instanceof HTMLDetailsElement) {
    const unfold = () => { fold.open ||= location.hash === "#try"; };
    fold.open = matchMedia("(min-width: 52rem)").matches;
    window.addEventListener("hashchange", unfold);
    unfold();
  }
  const bitmapCanvas = document.getElementById("bitmap");
  const fields = { x: document.getElementById("x"), y: document.getElementById("y") };
  const minus = "\u2212";
  const number = (value) => (value < 0 ? minus + Math.abs(value) : String(value));

  // --- The network -------------------------------------------------------------------------

  const index = (column, row) => row * SIZE + column;

  /** 1. One weight of W on the bitmap and one of -1 on the coordinate channel. */
  function withCoordinates(bitmap, axis) {
    return bitmap.map((value, place) => {
      const coordinate = axis === "x" ? place % SIZE : Math.floor(place / SIZE);
      return SIZE * value - coordinate;
    });
  }

  /** 1. A kernel of W ones that ends at its own pixel; beyond the canvas lie zeros. */
  function withoutCoordinates(bitmap, axis) {
    const result = new Float32Array(SIZE * SIZE);
    for (let row = 0; row < SIZE; row++) {
      for (let column = 0; column < SIZE; column++) {
        const [here, line] = axis === "x" ? [column, row] : [row, column];
        let total = 0;
        for (let reached = here - SIZE + 1; reached <= here; reached++) {
          if (reached < 0) continue; // the zero padding
          total += axis === "x" ? bitmap[index(reached, line)] : bitmap[index(line, reached)];
        }
        result[index(column, row)] = total;
      }
    }
    return result;
  }

  function solve(bitmap, axis, network) {
    const convolved = (network === "with" ? withCoordinates : withoutCoordinates)(bitmap, axis);
    const rectified = convolved.map((value) => Math.max(value, 0)); // 2.
    const sum = rectified.reduce((total, value) => total + value, 0); // 3.
    return { convolved, rectified, sum, answer: SIZE - sum }; // 4.
  }

  // --- Drawing -----------------------------------------------------------------------------

  const tone = (name) =>
    getComputedStyle(demo).getPropertyValue(name).trim().split(/\s+/).map(Number);

  function paint(canvas, map, largest, hot, extent = [SIZE, SIZE]) {
    const [columns, rows] = extent;
    canvas.width = columns * SCALE;
    canvas.height = rows * SCALE;
    const context = canvas.getContext("2d");
    const [zero, positive, negative] = ["--map-zero", "--map-positive", "--map-negative"].map(tone);
    const image = new ImageData(SIZE, SIZE);
    map.forEach((value, place) => {
      // What is not 0 is never painted as 0.
      const share = value === 0 ? 0 : 0.25 + 0.75 * Math.min(1, Math.abs(value) / largest);
      const towards = value < 0 ? negative : positive;
      for (let channel = 0; channel < 3; channel++) {
        image.data[4 * place + channel] = zero[channel] + share * (towards[channel] - zero[channel]);
      }
      image.data[4 * place + 3] = 255;
    });
    const small = document.createElement("canvas");
    small.width = small.height = SIZE;
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, SIZE * SCALE, SIZE * SCALE);
    ring(context, hot, getComputedStyle(demo).getPropertyValue("--accent"));
  }

  function ring(context, hot, colour) {
    context.strokeStyle = colour;
    context.lineWidth = SCALE * 0.7;
    context.beginPath();
    context.arc((hot.x + 0.5) * SCALE, (hot.y + 0.5) * SCALE, SCALE * 2.6, 0, 2 * Math.PI);
    context.stroke();
  }

  function paintBitmap(bitmap, hot) {
    const context = bitmapCanvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, bitmapCanvas.width, bitmapCanvas.height);
    context.fillStyle = "#fff";
    bitmap.forEach((value, place) => {
      if (value) context.fillRect((place % SIZE) * SCALE, Math.floor(place / SIZE) * SCALE, SCALE, SCALE);
    });
    ring(context, hot, "#ff9a52");
  }

  /** Beyond the right or the bottom edge: the part of the trail that the border cuts off. */
  function paintBeyond(canvas, axis, hot) {
    const context = canvas.getContext("2d");
    const style = getComputedStyle(demo);
    const [cut, line] = ["--cut", "--line"].map((name) => style.getPropertyValue(name));
    const edge = SIZE * SCALE;
    const lost = hot[axis];
    const along = (from, across, length, width) =>
      axis === "x" ? [from, across, length, width] : [across, from, width, length];
    context.fillStyle = line;
    context.globalAlpha = 0.6;
    context.fillRect(...along(edge, 0, edge, edge));
    context.globalAlpha = 1;
    const across = (axis === "x" ? hot.y : hot.x) * SCALE;
    context.fillStyle = cut;
    for (let step = 0; step < lost; step++) {
      context.fillRect(...along(edge + step * SCALE, across, SCALE, SCALE));
    }
    context.fillRect(...along(edge - 1.5, 0, 3, edge)); // the border
    context.font = `600 ${SCALE * (axis === "x" ? 9 : 6.5)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const words = `cut off: ${lost}`;
    // Where the trail is not: below or above it; no trail reaches the last pixel of an endless row.
    if (axis === "x") context.fillText(words, edge * 1.5, edge * (hot.y < SIZE / 2 ? 0.85 : 0.15));
    else context.fillText(words, edge * 0.5, edge * (lost > SIZE * 0.75 ? 1.5 : 1.88));
  }

  /** The map's own numbers around the hot pixel; a dot beyond the edge. */
  function writeNear(element, map, hot) {
    const cells = [];
    for (let row = hot.y - 2; row <= hot.y + 2; row++) {
      for (let column = hot.x - 2; column <= hot.x + 2; column++) {
        const cell = document.createElement("span");
        const inside = row >= 0 && row < SIZE && column >= 0 && column < SIZE;
        cell.textContent = inside ? number(map[index(column, row)]) : "\u00b7";
        if (!inside) cell.className = "off";
        if (row === hot.y && column === hot.x) cell.className = "hot";
        cells.push(cell);
      }
    }
    element.replaceChildren(...cells);
  }

  // --- State -------------------------------------------------------------------------------

  const hot = { x: 41, y: 12 };
  const network = () => demo.querySelector("input[name=network]:checked").value;

  function show() {
    const bitmap = new Float32Array(SIZE * SIZE);
    bitmap[index(hot.x, hot.y)] = 1;
    paintBitmap(bitmap, hot);
    const chosen = network();
    const found = {};
    for (const row of demo.querySelectorAll(".row")) {
      const axis = row.dataset.axis;
      const { convolved, rectified, sum, answer } = solve(bitmap, axis, chosen);
      found[axis] = { sum, answer };
      const largest = chosen === "with" ? SIZE : 1;
      const beyond = chosen === "without";
      const extent = !beyond ? [SIZE, SIZE] : axis === "x" ? [2 * SIZE, SIZE] : [SIZE, 2 * SIZE];
      const canvas = row.querySelector(".convolved");
      paint(canvas, convolved, largest, hot, extent);
      if (beyond) paintBeyond(canvas, axis, hot);
      paint(row.querySelector(".rectified"), rectified, largest, hot);
      writeNear(row.querySelector(".convolved-near"), convolved, hot);
      writeNear(row.querySelector(".rectified-near"), rectified, hot);
      const letter = axis.toUpperCase();
      row.querySelector(".formula").textContent = beyond
        ? `64 ones in a ${axis === "x" ? "row" : "column"}, zero padding`
        : `64 A ${minus} ${letter}`;
      document.getElementById(`sum-${axis}`).textContent = number(sum);
      document.getElementById(`subtraction-${axis}`).textContent = `64 ${minus} ${number(sum)} = ${number(answer)}`;
      document.getElementById(`answer-${axis}`).textContent = number(answer);
      row.querySelector(".total").style.width = `${(100 * sum) / SIZE}%`;
      row.querySelector(".coordinate").style.width = `${(100 * answer) / SIZE}%`;
      if (document.activeElement !== fields[axis]) fields[axis].value = hot[axis];
    }
    document.getElementById("explain").textContent =
      chosen === "with"
        ? `At the hot pixel 64 ${minus} x is ${number(found.x.sum)}, which is above 0; at every other pixel ${minus}X is not. ` +
          "So the nonlinearity leaves that one number, the sum is that number, and 64 less it is x. The same for y."
        : "No coordinate goes in. The hot pixel leaves a trail of 64 ones, wherever it is; the border cuts off " +
          `${found.x.answer} of them to the right and ${found.y.answer} below, so ${found.x.sum} and ${found.y.sum} are left to be summed. ` +
          "On an endless canvas nothing would be cut off, and the sum would say nothing.";
  }

  function move(x, y) {
    const limited = (value) => Math.max(0, Math.min(SIZE - 1, value));
    hot.x = limited(x);
    hot.y = limited(y);
    show();
  }

  function point(event) {
    const box = bitmapCanvas.getBoundingClientRect();
    move(
      Math.floor(((event.clientX - box.left) / box.width) * SIZE),
      Math.floor(((event.clientY - box.top) / box.height) * SIZE),
    );
  }

  bitmapCanvas.addEventListener("pointerdown", point);
  bitmapCanvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && event.buttons & 1) point(event);
  });
  bitmapCanvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 8 : 1;
    const moves = {
      ArrowLeft: [hot.x - step, hot.y], ArrowRight: [hot.x + step, hot.y],
      ArrowUp: [hot.x, hot.y - step], ArrowDown: [hot.x, hot.y + step],
      Home: [0, hot.y], End: [SIZE - 1, hot.y], PageUp: [hot.x, 0], PageDown: [hot.x, SIZE - 1],
    };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    move(...moves[event.key]);
  });
  for (const [axis, field] of Object.entries(fields)) {
    field.addEventListener("input", () => {
      const value = Number(field.value);
      if (field.value === "" || !Number.isInteger(value) || value < 0 || value >= SIZE) return;
      move(axis === "x" ? value : hot.x, axis === "y" ? value : hot.y);
    });
    field.addEventListener("blur", () => { field.value = hot[axis]; });
  }
  for (const choice of demo.querySelectorAll("input[name=network]")) choice.addEventListener("change", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  // The documentation's pages have a switch of their own.
  new MutationObserver(show).observe(document.body, { attributeFilter: ["data-theme"] });
  show();
})();
