/** A sheet to draw white lines on, black or with a picture behind it: a guide of one's own, or the part that is to change. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedPointerEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';
import { SentPicture } from '../parts/sent-picture.tsx';
import { draw, type Line, type Point, SIDE, sheetSize } from './lines.ts';

interface PadProps {
  readonly label: string;
  /** Of 512; that of a new line can be changed up to `maxWidth`. */
  readonly lineWidth: number;
  readonly maxWidth: number;
  /** Shown through the sheet, which has its proportions, and no part of the drawing. */
  readonly behind?: string;
  /** Hears of each line: the drawing as a PNG, or nothing while there is none. */
  readonly onDrawing: (dataUrl: string) => void;
}

/** See the head of this file. */
export function DrawingPad({ label, lineWidth, maxWidth, behind, onDrawing }: PadProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const lines = useSignal<readonly Line[]>([]);
  const isDown = useSignal(false);
  const isErasing = useSignal(false);
  const width = useSignal(lineWidth);
  const size = useSignal({ width: SIDE, height: SIDE });
  const drawn = lines.value;
  const sheet = size.value;
  useEffect(() => draw(canvas.current!, drawn), [drawn, sheet]);

  const finish = (next: readonly Line[]): void => {
    isDown.value = false;
    lines.value = next;
    draw(canvas.current!, next);
    onDrawing(next.length > 0 ? canvas.current!.toDataURL('image/png') : '');
  };
  return (
    <div class="pad">
      <div class="sheet">
        {behind && (
          <SentPicture
            image={behind}
            alt=""
            onSize={(picture) => {
              size.value = sheetSize(picture);
            }}
          />
        )}
        <canvas
          class={behind ? 'through' : ''}
          ref={canvas}
          {...sheet}
          role="img"
          aria-label={label}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            isDown.value = true;
            const line = { points: [pointOf(event)], width: width.value, isErasing: isErasing.value };
            lines.value = [...lines.value, line];
          }}
          onPointerMove={(event) => {
            const last = lines.value.at(-1);
            if (!isDown.value || !last) return;
            lines.value = [...lines.value.slice(0, -1), { ...last, points: [...last.points, pointOf(event)] }];
          }}
          onPointerUp={() => isDown.value && finish(lines.value)}
          onPointerCancel={() => isDown.value && finish(lines.value)}
        />
      </div>
      <div class="pad-tools">
        <input
          type="range"
          aria-label="Width of the line"
          style={{ '--filled': `${(100 * (width.value - 1)) / (maxWidth - 1)}%` }}
          {...{ min: 1, max: maxWidth, value: width.value }}
          onInput={({ currentTarget }) => {
            width.value = Number(currentTarget.value);
          }}
        />
        <button
          type="button"
          class="quiet"
          aria-pressed={isErasing.value}
          onClick={() => {
            isErasing.value = !isErasing.value;
          }}
        >
          <Icon name="eraser" /> Erase
        </button>
        <button
          type="button"
          class="quiet square"
          aria-label="Undo the last line"
          disabled={drawn.length === 0}
          onClick={() => finish(drawn.slice(0, -1))}
        >
          <Icon name="undo" />
        </button>
        <button type="button" class="quiet" disabled={drawn.length === 0} onClick={() => finish([])}>
          Clear
        </button>
      </div>
    </div>
  );
}

function pointOf({ currentTarget, clientX, clientY }: TargetedPointerEvent<HTMLCanvasElement>): Point {
  const { left, top, width, height } = currentTarget.getBoundingClientRect();
  return [((clientX - left) / width) * currentTarget.width, ((clientY - top) / height) * currentTarget.height];
}
