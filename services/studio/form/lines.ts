/** Lines on a sheet: white ones, and black ones that erase. */

/** Pixels of the sheet. */
export type Point = readonly [x: number, y: number];

/** One movement of the pen. */
export interface Line {
  readonly points: readonly Point[];
  /** Pixels. */
  readonly width: number;
  readonly isErasing: boolean;
}

/** Pixels of the sheet's longer side; the mesh brings it to the size of the picture. */
export const SIDE = 512;

/** A sheet with the proportions of a picture. */
export function sheetSize({ width, height }: { readonly width: number; readonly height: number }): {
  width: number;
  height: number;
} {
  const scale = SIDE / Math.max(width, height, 1);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Draws all of them on black. */
export function draw(canvas: HTMLCanvasElement, lines: readonly Line[]): void {
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#000';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const { points, width, isErasing } of lines) {
    const [first, ...rest] = points;
    if (!first) continue;
    context.strokeStyle = isErasing ? '#000' : '#fff';
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...first);
    for (const point of rest.length > 0 ? rest : [first]) context.lineTo(...point);
    context.stroke();
  }
}
