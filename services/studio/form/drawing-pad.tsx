/** A sheet to draw white lines on, black or with a picture behind it: a guide of one's own, or the part that is to change. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedPointerEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';
import { SentPicture } from '../parts/sent-picture.tsx';

type Point = readonly [x: number, y: number];
type Line = readonly Point[];

/** Pixels of the sheet; the mesh brings it to the size of the picture. */
const SIDE = 256;

interface PadProps {
  readonly label: string;
  /** Of 256. */
  readonly lineWidth: number;
  /** Shown through the sheet, and no part of the drawing. */
  readonly behind?: string;
  /** Hears of each line: the drawing as a PNG, or nothing while there is none. */
  readonly onDrawing: (dataUrl: string) => void;
}

/** See the head of this file. */
export function DrawingPad({ label, lineWidth, behind, onDrawing }: PadProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const lines = useSignal<readonly Line[]>([]);
  const isDown = useSignal(false);
  const drawn = lines.value;
  useEffect(() => draw(canvas.current!, drawn, lineWidth), [drawn, lineWidth]);

  const pointOf = (event: TargetedPointerEvent<HTMLCanvasElement>): Point => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    return [((event.clientX - left) / width) * SIDE, ((event.clientY - top) / height) * SIDE];
  };
  const finish = (next: readonly Line[]): void => {
    isDown.value = false;
    lines.value = next;
    draw(canvas.current!, next, lineWidth);
    onDrawing(next.length > 0 ? canvas.current!.toDataURL('image/png') : '');
  };
  return (
    <div class="pad">
      <div class="sheet">
        {behind && <SentPicture image={behind} alt="" />}
        <canvas
          class={behind ? 'through' : ''}
          ref={canvas}
          width={SIDE}
          height={SIDE}
          role="img"
          aria-label={label}
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
      </div>
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

function draw(canvas: HTMLCanvasElement, lines: readonly Line[], lineWidth: number): void {
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = '#fff';
  context.lineWidth = lineWidth;
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
