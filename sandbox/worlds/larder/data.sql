{% for p in products %}{% set label = p[0] ~ " " ~ p[1] %}{% set organic = p[0][:7] == "Organic" %}
INSERT INTO product VALUES ({{ loop.index }}, {{ label|slug|sql }}, {{ label|sql }}, {{ p[0]|sql }}, {{ p[1]|sql }}, {{ p[2]|sql }}, {{ p[3]|sql }}, {{ p[4]|sql }}, {{ p[5] }}, {{ (p[5] * 1000 + p[6] // 2) // p[6] }}, {{ p[7]|sql }}, {{ 1 if organic else 0 }},
 {{ ("Larder Organic" if organic else pick(makers, p[0], "maker"))|sql }}, {{ pick(origins, p[0], "origin")|sql }}, {{ p[8]|sql }}, {{ ("3 for 2" if chance(22, label, "offer") else "")|sql }},
 {{ 0 if chance(13, label, "gone") else 1 }}, NULL);
{% endfor %}
UPDATE product SET substitute = (SELECT s.id FROM product s WHERE s.shelf = product.shelf AND s.in_stock = 1 AND s.unit = product.unit ORDER BY (s.name = product.name) DESC, abs(s.price - product.price), s.id LIMIT 1) WHERE in_stock = 0;
{% for offset in range(1, 8) %}{% for hour in [8, 10, 12, 14, 16, 18] %}INSERT INTO slot (day, opens, ends, fee, full) VALUES ({{ days_on(offset)|sql }}, {{ (hour * 60)|clock|sql }}, {{ (hour * 60 + 120)|clock|sql }}, {{ 190 + below(9, offset, hour, "fee") * 50 }}, {{ 1 if chance(27, offset, hour, "full") else 0 }});
{% endfor %}{% endfor %}
INSERT INTO list VALUES (1, 'Weekend'), (2, 'Weekdays'), (3, 'Baking day'), (4, 'Office kitchen');
INSERT INTO list_line (list, product, quantity) SELECT 1 + id % 4, id, 1 + id % 3 FROM product WHERE id % 17 = 4 AND id < 130;

{% for p in products %}{% if p[2] in ["Pasta and rice", "Vegetables", "Pantry"] %}INSERT INTO card VALUES ({{ loop.index }}, {{ 4 + (loop.index * 11) % 43 }}, {{ card_remarks[loop.index % 3]|sql }});
{% endif %}{% endfor %}
