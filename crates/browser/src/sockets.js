// What is sent over a socket waits until it is judged: the function named `asker` takes the question out of the browser, and the answer
// comes to the one named `answer`, with a secret that no page can read. In windows, frames and workers, before any script of theirs; what
// is used here is taken now, for scripts may bend it later.
((asker, answer, secret, most) => {
  // what is called in here can be asked for by nobody who looks at the stack
  'use strict';
  // a page may put something in the place of `globalThis`, and not of this
  const scope = this;
  if (answer in scope) return;
  const { WebSocket, TextDecoder, TextEncoder, DOMException, Blob, Uint8Array, Uint32Array, DataView, Reflect, Object, ArrayBuffer } = scope;
  if (!WebSocket) return;
  const { apply, defineProperty } = Reflect;
  const { stringify } = JSON;
  const { round } = Math;
  const { send, close } = WebSocket.prototype;
  const getter = (prototype, of) => Object.getOwnPropertyDescriptor(prototype, of).get;
  const urlOf = getter(WebSocket.prototype, 'url');
  const stateOf = getter(WebSocket.prototype, 'readyState');
  const bufferedOf = getter(WebSocket.prototype, 'bufferedAmount');
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
  const { encode } = TextEncoder.prototype;
  const encoder = new TextEncoder();
  const bytesIn = (text) => apply(lengthOf, apply(encode, encoder, [text]), []);
  const { get: find, set: keep } = WeakMap.prototype;
  const queues = new WeakMap();
  const asked = Object.create(null);
  // no answer to a document that was here before fits this one
  let number = crypto.getRandomValues(new Uint32Array(1))[0] * 2 ** 20;
  // behind a Playwright server a window may begin before there is anybody to ask: until then nothing is sent, and no page gets hold of
  // the function when it comes
  let early;
  let ask = scope[asker];
  if (ask) {
    delete scope[asker];
  } else {
    ask = (question) => (early = { __proto__: null, question, next: early });
    let isThere = false;
    const set = (it) => {
      if (isThere) return;
      isThere = true;
      ask = it;
      for (; early; early = early.next) ask(early.question);
    };
    defineProperty(scope, asker, { __proto__: null, set });
  }

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
      if (isBlob(data)) return { __proto__: null, blob: data, size: apply(sizeOf, data, []) };
      const bytes = bytesOf(data);
      if (bytes) {
        const size = apply(lengthOf, bytes, []);
        const copy = new Uint8Array(size);
        apply(fill, copy, [bytes]);
        return { __proto__: null, bytes: copy, size };
      }
    }
    const text = apply(toWellFormed, `${data}`, []);
    return { __proto__: null, text, size: bytesIn(text) };
  };
  // how a socket is closed, or why not: the browser itself would tell only when it comes to it
  const endOf = (code, reason) => {
    let number;
    if (code !== undefined) {
      number = +code;
      number = number > 0 ? (number < 65535 ? round(number) : 65535) : 0;
      if (number !== 1000 && !(number >= 3000 && number <= 4999)) {
        throw new DOMException(`The close code must be either 1000, or between 3000 and 4999. ${number} is neither.`, 'InvalidAccessError');
      }
    }
    if (reason === undefined) return { __proto__: null, closes: [number], size: 0 };
    // a message like any other
    const text = apply(toWellFormed, `${reason}`, []);
    if (bytesIn(text) > 123) throw new DOMException('The close reason must not be greater than 123 UTF-8 bytes.', 'SyntaxError');
    return { __proto__: null, closes: [number, text], text, size: 0 };
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
      queue.size -= first.size;
      next(socket, queue);
    };
    const goes = (passes) => {
      try {
        if (first.closes) apply(close, socket, passes ? first.closes : [first.closes[0]]);
        else if (passes) apply(send, socket, [first.blob ?? first.bytes ?? first.text]);
      } catch {}
      on();
    };
    if (first.closes && first.text === undefined) return goes(true);
    const judge = (text) => {
      number += 1;
      asked[number] = goes;
      // a cut may leave half a letter, which nobody outside could read
      const whole = apply(toWellFormed, apply(sliceText, text, [0, most]), []);
      ask(stringify({ __proto__: null, number, url: apply(urlOf, socket, []), text: whole }));
    };
    if (first.blob) {
      const read = apply(textOf, apply(sliceBlob, first.blob, [0, most]), []);
      // `then` would ask the page's for what to make
      defineProperty(read, 'constructor', { __proto__: null, value: undefined });
      return apply(then, read, [judge, on]);
    }
    if (first.bytes) {
      const long = apply(lengthOf, first.bytes, []);
      return judge(apply(decode, decoder, [new Uint8Array(apply(bufferOf, first.bytes, []), 0, long < most ? long : most)]));
    }
    judge(first.text);
  };
  const join = (socket, item) => {
    let queue = apply(find, queues, [socket]);
    if (!queue) apply(keep, queues, [socket, (queue = { __proto__: null, size: 0, ends: false })]);
    // what comes after the end goes nowhere, and counts
    queue.size += item.size;
    if (queue.ends) return;
    queue.ends = !!item.closes;
    if (queue.last) {
      queue.last.next = item;
      queue.last = item;
    } else {
      queue.first = queue.last = item;
      next(socket, queue);
    }
  };

  const faces = {
    send(data) {
      // not open yet, or no socket at all: as it always was
      if (arguments.length === 0 || apply(stateOf, this, []) !== 1) return apply(send, this, arguments);
      join(this, itemOf(data));
    },
    close(code = undefined, reason = undefined) {
      const waits = apply(find, queues, [this])?.last;
      if (!waits && (reason === undefined || apply(stateOf, this, []) !== 1)) return apply(close, this, arguments);
      join(this, endOf(code, reason));
    },
    get readyState() {
      const state = apply(stateOf, this, []);
      return state === 1 && apply(find, queues, [this])?.ends ? 2 : state;
    },
    get bufferedAmount() {
      return apply(bufferedOf, this, []) + (apply(find, queues, [this])?.size ?? 0);
    },
  };
  for (const name of ['send', 'close', 'readyState', 'bufferedAmount']) {
    defineProperty(WebSocket.prototype, name, Object.getOwnPropertyDescriptor(faces, name));
  }
  delete scope.WebSocketStream;
  delete scope.WebTransport;
  defineProperty(scope, answer, {
    __proto__: null,
    value: (told, of, passes) => {
      if (told !== secret) return;
      const answered = asked[of];
      delete asked[of];
      answered?.(passes);
    },
  });
})