/**
 * When a ControlNet takes part in a run.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/pipelines/controlnet/pipeline_controlnet.py
 */

/** Shares of a run, 0…1, between which a ControlNet is used. */
export interface ControlWindow {
  readonly start: number;
  readonly end: number;
}

/**
 * Whether a ControlNet is used at a model call. A call counts only where it lies wholly inside the window.
 *
 * call    0…calls − 1, counted from the first one this job makes (image to image begins at 0 too)
 * calls   model calls of this job
 */
export function isControlled({ start, end }: ControlWindow, call: number, calls: number): boolean {
  return call / calls >= start && (call + 1) / calls <= end;
}
