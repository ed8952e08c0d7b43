{% for zone in ["Mainland", "Islands", "Abroad"] %}{% set z = loop.index0 %}{% for kilos in [2, 5, 10, 20, 30] %}
INSERT INTO postage (zone, kilos, costs) VALUES ({{ zone|sql }}, {{ kilos }}, {{ 350 + z * 310 + kilos * (22 + z * 13) + 10 * below(9, "postage", zone, kilos) }});
{% endfor %}{% endfor %}
{% set scarce = [below(73, "scarce", 0), below(73, "scarce", 1), below(73, "scarce", 2), below(73, "scarce", 3)] %}
{% for p in products %}{% set model = p[1] %}{% set rare = loop.index0 in scarce %}
{% if rare or not chance(12, "paragon", model, "not carried") %}
{% set price = (p[5] * (84 + below(30, "paragon", model, "price")) // 100) // 100 * 100 + 50 %}{% set post = {"S": 350, "M": 690, "L": 1190}[p[4]] %}
INSERT INTO product VALUES ({{ model|sql }}, {{ p[0]|sql }}, {{ p[2]|sql }}, {{ p[3]|sql }}, 'new', {{ price }}, {{ post }}, {{ 0 if rare or chance(24, "paragon", model, "out") else 3 + below(28, "paragon", model, "stock") }}, {{ p[6]|sql }}, 'Factory sealed.');
{% if not rare and chance(45, "paragon", model, "b") %}
INSERT INTO product VALUES ({{ (model ~ "-B")|sql }}, {{ (p[0] ~ " (B-stock)")|sql }}, {{ p[2]|sql }}, {{ p[3]|sql }}, 'B-stock', {{ (price * (62 + below(18, "paragon", model, "bprice")) // 100) // 100 * 100 + 50 }}, {{ post }}, {{ pick([0, 0, 1, 2, 3], "paragon", model, "bstock") }}, {{ p[6]|sql }}, {{ pick(remarks, "paragon", model, "remark")|sql }});
{% endif %}{% endif %}{% endfor %}
{% for p in products %}{% set plea = leaflets[loop.index0 % 3] %}INSERT INTO leaflet SELECT model, {{ plea[0]|sql }}, {{ plea[1]|sql }} FROM product WHERE model = {{ p[1]|sql }} AND stock >= 12;
{% endfor %}
