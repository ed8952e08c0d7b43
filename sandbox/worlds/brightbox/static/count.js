// <bb-count name="qty" label="How many?" value="1" min="1" max="6">: a counter in a shadow root that counts as a field of its form.
customElements.define('bb-count', class extends HTMLElement {
  static formAssociated = true;
  #form = this.attachInternals();
  #field;
  connectedCallback() {
    const root = this.attachShadow({ mode: 'open' }), label = this.getAttribute('label');
    root.innerHTML = `<style>
      :host{display:inline-flex;align-items:center;background:#fff;border:2px solid #8d7a99;border-radius:22px;overflow:hidden}
      button,input{font:700 16px "DejaVu Sans",sans-serif;border:0;background:transparent;color:#4b1f6f;height:40px;text-align:center}
      button{width:42px;cursor:pointer;font-size:20px}button:hover{background:#f4e9f9}button:disabled{color:#8d8494;cursor:default}
      input{width:44px;color:#2c2233;appearance:textfield;-moz-appearance:textfield}input::-webkit-inner-spin-button{appearance:none;margin:0}
      :focus-visible{outline:3px solid #ff6f59;outline-offset:-3px}
    </style><button type="button" aria-label="One less">−</button><input type="number"><button type="button" aria-label="One more">+</button>`;
    const [less, more] = root.querySelectorAll('button'), [least, most] = ['min', 'max'].map((name) => Number(this.getAttribute(name)));
    this.#field = root.querySelector('input');
    Object.assign(this.#field, { min: least, max: most, value: this.getAttribute('value') });
    this.#field.setAttribute('aria-label', label);
    const keep = () => {
      const number = Math.min(most, Math.max(least, Math.trunc(Number(this.#field.value)) || least));
      this.#form.setFormValue(String(number));
      less.disabled = number <= least;
      more.disabled = number >= most;
      return number;
    };
    const turn = (by) => { this.#field.value = String(Math.min(most, Math.max(least, keep() + by))); keep(); };
    less.addEventListener('click', () => turn(-1));
    more.addEventListener('click', () => turn(1));
    this.#field.addEventListener('input', keep);
    this.#field.addEventListener('change', () => turn(0));
    keep();
  }
});
