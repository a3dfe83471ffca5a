/** A black sheet to draw white lines on: the guide of a person who has no picture. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedPointerEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';

type Point = readonly [x: number, y: number];
type Line = readonly Point[];

/** Pixels of the sheet; the mesh brings it to the size of the picture. */
const SIDE = 256;
/** Thin as the edges that ControlNets were trained on are, on a sheet of this size. */
const LINE_WIDTH = 3;

/** See the head of this file. */
export function DrawingPad({ onDrawing }: { onDrawing: (dataUrl: string) => void }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const lines = useSignal<readonly Line[]>([]);
  const isDown = useSignal(false);
  const drawn = lines.value;
  useEffect(() => draw(canvas.current!, drawn), [drawn]);

  const pointOf = (event: TargetedPointerEvent<HTMLCanvasElement>): Point => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    return [((event.clientX - left) / width) * SIDE, ((event.clientY - top) / height) * SIDE];
  };
  const finish = (next: readonly Line[]): void => {
    isDown.value = false;
    lines.value = next;
    draw(canvas.current!, next);
    onDrawing(next.length > 0 ? canvas.current!.toDataURL('image/png') : '');
  };
  return (
    <div class="pad">
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label="Drawing, white on black: draw with pointer or finger"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          isDown.value = true;
          lines.value = [...lines.value, [pointOf(event)]];
        }}
        onPointerMove={(event) => {
          const last = lines.value.at(-1);
          if (isDown.value && last) lines.value = [...lines.value.slice(0, -1), [...last, pointOf(event)]];
        }}
        onPointerUp={() => isDown.value && finish(lines.value)}
        onPointerCancel={() => isDown.value && finish(lines.value)}
      />
      <div class="pad-tools">
        <button type="button" class="quiet" disabled={drawn.length === 0} onClick={() => finish(drawn.slice(0, -1))}>
          <Icon name="undo" /> Undo
        </button>
        <button type="button" class="quiet" disabled={drawn.length === 0} onClick={() => finish([])}>
          Clear
        </button>
      </div>
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, lines: readonly Line[]): void {
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = '#fff';
  context.lineWidth = LINE_WIDTH;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const [first, ...rest] of lines) {
    if (!first) continue;
    context.beginPath();
    context.moveTo(...first);
    for (const point of rest.length > 0 ? rest : [first]) context.lineTo(...point);
    context.stroke();
  }
}
