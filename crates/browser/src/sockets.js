// What is sent over a socket waits until it is judged: the function named `asker` takes the question out of the browser, and the answer
// comes to the one named `answer`, with a secret that no page can read. In windows, frames and workers, before any script of theirs; what
// is used here is taken now, for scripts may bend it later.
((asker, answer, secret, most) => {
  if (answer in globalThis) return;
  // where nobody can be asked, nothing is sent
  const ask = globalThis[asker] ?? (() => {});
  delete globalThis[asker];
  const { WebSocket, TextDecoder, Blob, Uint8Array, DataView, Reflect, Object, ArrayBuffer } = globalThis;
  if (!WebSocket) return;
  const { apply, defineProperty } = Reflect;
  const { stringify } = JSON;
  const { send, close } = WebSocket.prototype;
  const getter = (prototype, of) => Object.getOwnPropertyDescriptor(prototype, of).get;
  const urlOf = getter(WebSocket.prototype, 'url');
  const stateOf = getter(WebSocket.prototype, 'readyState');
  const typed = Object.getPrototypeOf(Uint8Array.prototype);
  const places = [typed, DataView.prototype].map((view) => ({ buffer: getter(view, 'buffer'), at: getter(view, 'byteOffset'), long: getter(view, 'byteLength') }));
  const { slice: sliceBuffer } = ArrayBuffer.prototype;
  const { slice: sliceBlob, text: textOf } = Blob.prototype;
  const { slice: sliceText } = String.prototype;
  const { isView } = ArrayBuffer;
  const { then } = Promise.prototype;
  const { decode } = TextDecoder.prototype;
  const decoder = new TextDecoder();
  const { get: find, set: keep } = WeakMap.prototype;
  const queues = new WeakMap();
  const asked = Object.create(null);
  let number = 0;

  // a copy, for the page may change its own after it was sent
  const copyOf = (data) => {
    if (data instanceof Blob) return data;
    if (isView(data)) {
      for (const { buffer, at, long } of places) {
        try {
          const from = apply(at, data, []);
          return apply(sliceBuffer, apply(buffer, data, []), [from, from + apply(long, data, [])]);
        } catch {}
      }
    }
    try {
      return apply(sliceBuffer, data, []);
    } catch {
      return `${data}`;
    }
  };

  // one after the other, as they were sent
  const next = (socket, queue) => {
    const first = queue.first;
    if (!first) {
      queue.last = undefined;
      return;
    }
    const on = () => {
      queue.first = first.next;
      next(socket, queue);
    };
    if (first.closes) {
      try {
        apply(close, socket, first.closes);
      } catch {}
      return on();
    }
    const { data } = first;
    const judge = (text) => {
      number += 1;
      asked[number] = (passes) => {
        if (passes) {
          try {
            apply(send, socket, [data]);
          } catch {}
        }
        on();
      };
      ask(stringify({ __proto__: null, number, url: apply(urlOf, socket, []), text }));
    };
    if (typeof data === 'string') return judge(apply(sliceText, data, [0, most]));
    if (data instanceof Blob) return apply(then, apply(textOf, apply(sliceBlob, data, [0, most]), []), [judge, on]);
    judge(apply(decode, decoder, [apply(sliceBuffer, data, [0, most])]));
  };
  const join = (socket, item) => {
    let queue = apply(find, queues, [socket]);
    if (!queue) apply(keep, queues, [socket, (queue = { __proto__: null })]);
    if (queue.last) {
      queue.last.next = item;
      queue.last = item;
    } else {
      queue.first = queue.last = item;
      next(socket, queue);
    }
  };

  WebSocket.prototype.send = {
    send(data) {
      // not open yet, or no socket at all: as it always was
      if (arguments.length === 0 || apply(stateOf, this, []) !== 1) return apply(send, this, arguments);
      join(this, { __proto__: null, data: copyOf(data) });
    },
  }.send;
  WebSocket.prototype.close = {
    close(...all) {
      const queue = apply(find, queues, [this]);
      if (!queue?.last) return apply(close, this, all);
      join(this, { __proto__: null, closes: all });
    },
  }.close;
  delete globalThis.WebSocketStream;
  defineProperty(globalThis, answer, {
    __proto__: null,
    value: (told, of, passes) => {
      if (told !== secret) return;
      const answered = asked[of];
      delete asked[of];
      answered?.(passes);
    },
  });
})