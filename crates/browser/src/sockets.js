// What is sent over a socket waits until it is judged: the function named `asker` takes the question out of the browser, and the answer
// comes to the one named `answer`, with a secret that no page can read. In windows, frames and workers, before any script of theirs; what
// is used here is taken now, for scripts may bend it later.
((asker, answer, secret, most) => {
  // what is called in here can be asked for by nobody who looks at the stack
  'use strict';
  if (answer in globalThis) return;
  // where nobody can be asked, nothing is sent
  const ask = globalThis[asker] ?? (() => {});
  delete globalThis[asker];
  const { WebSocket, TextDecoder, Blob, Uint8Array, Uint32Array, DataView, Reflect, Object, ArrayBuffer } = globalThis;
  if (!WebSocket) return;
  const { apply, defineProperty } = Reflect;
  const { stringify } = JSON;
  const { send, close } = WebSocket.prototype;
  const getter = (prototype, of) => Object.getOwnPropertyDescriptor(prototype, of).get;
  const urlOf = getter(WebSocket.prototype, 'url');
  const stateOf = getter(WebSocket.prototype, 'readyState');
  const typed = Object.getPrototypeOf(Uint8Array.prototype);
  const placeIn = (view) => [getter(view, 'buffer'), getter(view, 'byteOffset'), getter(view, 'byteLength')];
  const [bufferOf, offsetOf, lengthOf] = placeIn(typed);
  const [bufferOfView, offsetOfView, lengthOfView] = placeIn(DataView.prototype);
  const lengthOfBuffer = getter(ArrayBuffer.prototype, 'byteLength');
  const { set: fill } = typed;
  const sizeOf = getter(Blob.prototype, 'size');
  const { slice: sliceBlob, text: textOf } = Blob.prototype;
  const { slice: sliceText, toWellFormed } = String.prototype;
  const { isView } = ArrayBuffer;
  const { then } = Promise.prototype;
  const { decode } = TextDecoder.prototype;
  const decoder = new TextDecoder();
  const { get: find, set: keep } = WeakMap.prototype;
  const queues = new WeakMap();
  const asked = Object.create(null);
  // no answer to a document that was here before fits this one
  let number = crypto.getRandomValues(new Uint32Array(1))[0] * 2 ** 20;

  // what it is, told by what no page can put in its place
  const isBlob = (data) => {
    try {
      apply(sizeOf, data, []);
      return true;
    } catch {
      return false;
    }
  };
  const bytesOf = (data) => {
    if (isView(data)) {
      try {
        return new Uint8Array(apply(bufferOf, data, []), apply(offsetOf, data, []), apply(lengthOf, data, []));
      } catch {
        return new Uint8Array(apply(bufferOfView, data, []), apply(offsetOfView, data, []), apply(lengthOfView, data, []));
      }
    }
    try {
      apply(lengthOfBuffer, data, []);
    } catch {
      return null;
    }
    return new Uint8Array(data);
  };
  // a copy, for the page may change its own after it was sent
  const itemOf = (data) => {
    if (typeof data === 'object' && data !== null) {
      if (isBlob(data)) return { __proto__: null, blob: data };
      const bytes = bytesOf(data);
      if (bytes) {
        const copy = new Uint8Array(apply(lengthOf, bytes, []));
        apply(fill, copy, [bytes]);
        return { __proto__: null, bytes: copy };
      }
    }
    return { __proto__: null, text: apply(toWellFormed, `${data}`, []) };
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
    const judge = (text) => {
      number += 1;
      asked[number] = (passes) => {
        if (passes) {
          try {
            apply(send, socket, [first.blob ?? first.bytes ?? first.text]);
          } catch {}
        }
        on();
      };
      // a cut may leave half a letter, which nobody outside could read
      const whole = apply(toWellFormed, apply(sliceText, text, [0, most]), []);
      ask(stringify({ __proto__: null, number, url: apply(urlOf, socket, []), text: whole }));
    };
    if (first.blob) return apply(then, apply(textOf, apply(sliceBlob, first.blob, [0, most]), []), [judge, on]);
    if (first.bytes) {
      const long = apply(lengthOf, first.bytes, []);
      return judge(apply(decode, decoder, [new Uint8Array(apply(bufferOf, first.bytes, []), 0, long < most ? long : most)]));
    }
    judge(first.text);
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
      join(this, itemOf(data));
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
  delete globalThis.WebTransport;
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