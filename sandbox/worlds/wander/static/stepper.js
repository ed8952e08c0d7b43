// <wd-stepper name="adults" label="Adults" value="1" min="1" max="9">: a number with buttons on both sides, in a shadow root, and part of its form.
customElements.define('wd-stepper', class extends HTMLElement {
  static formAssociated = true;
  constructor() {
    super();
    this.inner = this.attachInternals();
    const root = this.attachShadow({ mode: 'open' });
    root.innerHTML = `<style>
      :host{display:inline-flex}
      button,input{font:700 18px "DejaVu Sans",sans-serif;border:2px solid #17281f;background:#fffaf0;color:#17281f;height:42px;box-sizing:border-box;margin:0;padding:0;text-align:center}
      button{width:42px;cursor:pointer;background:#f2b632}button:first-of-type{border-radius:21px 0 0 21px}button:last-of-type{border-radius:0 21px 21px 0}
      button:disabled{background:#e9e2cf;color:#6a6a58;cursor:default}input{width:52px;border-left:0;border-right:0;appearance:textfield;-moz-appearance:textfield}
      input::-webkit-inner-spin-button{appearance:none;margin:0}:focus-visible{outline:3px solid #d8532b;outline-offset:2px}
    </style><button type="button" part="less">−</button><input type="number"><button type="button" part="more">+</button>`;
    [this.less, this.more] = root.querySelectorAll('button');
    this.field = root.querySelector('input');
    this.less.addEventListener('click', () => this.set(this.number - 1));
    this.more.addEventListener('click', () => this.set(this.number + 1));
    this.field.addEventListener('input', () => { if (this.field.value !== '') this.keep(); });
    this.field.addEventListener('change', () => this.set(this.number));
    this.field.addEventListener('keydown', (event) => { if (event.key === 'Enter') event.preventDefault(); });
  }
  connectedCallback() {
    const label = this.getAttribute('label');
    this.least = Number(this.getAttribute('min')); this.most = Number(this.getAttribute('max'));
    this.field.min = this.least; this.field.max = this.most;
    this.field.setAttribute('aria-label', label);
    this.less.setAttribute('aria-label', `Fewer ${label.toLowerCase()}`);
    this.more.setAttribute('aria-label', `More ${label.toLowerCase()}`);
    this.set(Number(this.getAttribute('value')));
  }
  get number() { return Number.parseInt(this.field.value, 10) || 0; }
  set(number) {
    this.field.value = String(Math.min(this.most, Math.max(this.least, number)));
    this.keep();
  }
  keep() {
    this.inner.setFormValue(String(Math.min(this.most, Math.max(this.least, this.number))));
    this.less.disabled = this.number <= this.least;
    this.more.disabled = this.number >= this.most;
  }
});
