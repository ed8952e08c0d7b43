INSERT INTO service VALUES ('Standard', 1, 0, 'two to three working days'), ('Express', 2, 800, 'next working day before noon'), ('Saturday', 3, 1250, 'next Saturday before 14:00'), ('Counter', 4, -1, 'ready at the counter in two hours');
{% set scarce = [below(73, "scarce", 0), below(73, "scarce", 1), below(73, "scarce", 2), below(73, "scarce", 3)] %}
{% for p in products %}{% set model = p[1] %}{% set rare = loop.index0 in scarce %}
{% if rare or not chance(12, "voltline", model, "not carried") %}
INSERT INTO product VALUES ({{ model|sql }}, {{ p[0]|sql }}, {{ p[2]|sql }}, {{ p[3]|sql }},
 {{ (p[5] * (86 + below(27, "voltline", model, "price")) // 100) // 10 * 10 }}, {{ {"S": 480, "M": 790, "L": 1450}[p[4]] }},
 {{ 0 if rare or chance(20, "voltline", model, "out") else 1 + below(46, "voltline", model, "stock") }}, {{ pick([1, 2, 2, 3, 3, 5], "voltline", model, "warranty") }},
 {{ (pick(["A", "B", "C", "D", "E"], "voltline", model, "bin") ~ "-" ~ (10 + below(80, "voltline", model, "row")))|sql }}, {{ p[6]|sql }}, {{ days_on(0 - below(420, "voltline", model, "added"))|sql }});
{% endif %}{% endfor %}
{% for p in products %}INSERT INTO sheet SELECT model, {{ 115 + loop.index * 17 + below(5, "sheet", p[1]) }}, CASE stock WHEN 0 THEN {{ permits[loop.index0 % 3]|sql }} ELSE {{ headings[loop.index0 % 4]|sql }} END FROM product WHERE model = {{ p[1]|sql }};
{% endfor %}
