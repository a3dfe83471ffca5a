/**
 * Fits the linear map of previews to a checkpoint's VAE: least squares from the latents of some pictures to their colours, and
 * writes it into the checkpoint's folder.
 *
 *     node scripts/fit-latent-rgb.ts models/pocket models/pocket/evaluation/renders.png 128
 *
 * The picture is a row of square ones without gaps, of the size that is named last.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { resizeTo } from '#shared/image/resize.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { Vae } from '../services/vae/vae.ts';

const [folder = '', sheetPath = '', sideText = ''] = process.argv.slice(2);
const side = Number(sideText);
const { vae: config, folders } = await openPipeline(folder);
const device = await openDevice({ device: 'cpu' });
const vae = await Vae.load(device, folders.vae, config);
const sheet = await decodeImage(await readFile(sheetPath));
const rowLength = sheet.shape[1]! * 3;
const inputs: number[][] = [];
const colours: number[][] = [];
for (let x = 0; x < sheet.shape[1]!; x += side) {
  const pixels = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    pixels.set(sheet.data.subarray(y * rowLength + x * 3, y * rowLength + (x + side) * 3), y * side * 3);
  }
  const { mean } = await vae.encode(tensor('u8', [1, side, side, 3], pixels), undefined, new AbortController().signal);
  const [, channels, height, width] = mean.shape as [number, number, number, number];
  const small = await resizeTo(tensor('u8', [side, side, 3], pixels), height, width);
  for (let i = 0; i < height * width; i++) {
    const latent = Array.from(
      { length: channels },
      (_, c) => mean.data[c * height * width + i]! * config.scalingFactor,
    );
    inputs.push([...latent, 1]);
    colours.push([0, 1, 2].map((c) => small.data[i * 3 + c]! / 255));
  }
}
await device.close();
const rows = leastSquares(inputs, colours);
const rounded = rows.map((row) => row.map((value) => Math.round(value * 1e4) / 1e4));
const map = { factors: rounded.slice(0, -1), bias: rounded.at(-1) };
await writeFile(join(folder, 'latent_rgb.json'), `${JSON.stringify(map)}\n`);
process.stdout.write(`root mean square error ${error(inputs, colours, rows).toFixed(3)} of 1\n`);

/** Solves (XᵀX) W = XᵀY by Gauss' elimination. */
function leastSquares(x: readonly number[][], y: readonly number[][]): number[][] {
  const n = x[0]!.length;
  const sum = (i: number, of: (row: number) => number): number =>
    x.reduce((total, row, r) => total + row[i]! * of(r), 0);
  const table = Array.from({ length: n }, (_, i) => [
    ...Array.from({ length: n }, (_value, j) => sum(i, (r) => x[r]![j]!)),
    ...Array.from({ length: y[0]!.length }, (_value, c) => sum(i, (r) => y[r]![c]!)),
  ]);
  for (let i = 0; i < n; i++) {
    const pivot = table[i]![i]!;
    table[i] = table[i]!.map((value) => value / pivot);
    for (let k = 0; k < n; k++) {
      const factor = table[k]![i]!;
      if (k !== i) table[k] = table[k]!.map((value, j) => value - factor * table[i]![j]!);
    }
  }
  return table.map((row) => row.slice(n));
}

function error(x: readonly number[][], y: readonly number[][], w: readonly number[][]): number {
  const squares = x.flatMap((row, r) =>
    y[r]!.map((colour, c) => (row.reduce((sum, value, i) => sum + value * w[i]![c]!, 0) - colour) ** 2),
  );
  return Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / squares.length);
}
