/** A stream of server-sent events, read until it ends or the reader leaves. */

/** One event; its data are JSON. */
export interface ReadEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The events of a URL. */
export async function* serverEvents(url: string, headers: Record<string, string> = {}): AsyncGenerator<ReadEvent> {
  const { body } = await fetch(url, { headers });
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const [, event] = /^event: (.*)$/m.exec(block) ?? [];
      if (event) yield { event, data: JSON.parse(/^data: (.*)$/m.exec(block)![1]!) };
    }
  }
}
