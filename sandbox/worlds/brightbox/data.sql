INSERT INTO way VALUES ('Home delivery', 1, 0, 'in two or three days'), ('Parcel locker', 2, 0, 'in two or three days, day and night'), ('Evening delivery', 3, 400, 'tomorrow between 18:00 and 21:00');
{% set scarce = [below(73, "scarce", 0), below(73, "scarce", 1), below(73, "scarce", 2), below(73, "scarce", 3)] %}
{% for p in products %}{% set model = p[1] %}{% set rare = loop.index0 in scarce %}
{% if rare or not chance(12, "brightbox", model, "not carried") %}
{% set price = (p[5] * (90 + below(24, "brightbox", model, "price")) // 100) // 100 * 100 + 95 %}
{% set gone = rare or chance(22, "brightbox", model, "out") %}
INSERT INTO product VALUES ({{ model|sql }}, {{ p[0]|sql }}, {{ p[2]|sql }}, {{ p[3]|sql }}, {{ price }}, {{ 1295 if p[4] == "L" else (0 if price >= 9900 else 595) }},
 0, {{ 36 + below(14, "brightbox", model, "rating") }}, {{ 6 + below(240, "brightbox", model, "reviews") }}, {{ p[6]|sql }}, {{ below(360, "brightbox", model, "hue") }}, {{ below(10000, "brightbox", model, "place") }});
{% set own = pick(colours, "brightbox", model, "colours") %}{% set sure = below(own|length, "brightbox", model, "sure") %}
{% for colour in own %}INSERT INTO variant VALUES ({{ model|sql }}, {{ colour|sql }}, {{ loop.index }}, {{ 0 if gone or (loop.index0 != sure and chance(30, "brightbox", model, colour)) else 6 + below(19, "brightbox", model, colour, "n") }});
{% endfor %}
{% for n in range(0, 3) %}{% set stars = 3 + below(3, model, "stars", n) %}INSERT INTO review (model, name, stars, words, day) VALUES ({{ model|sql }}, {{ pick(reviewers, model, "who", n)|sql }}, {{ stars }}, {{ (pick(praise, model, "words", n) if stars > 3 else pick(grumble, model, "words", n))|sql }}, {{ days_on(0 - 3 - below(300, model, "day", n))|sql }});
{% endfor %}
{% endif %}{% endfor %}
UPDATE product SET stock = (SELECT sum(stock) FROM variant v WHERE v.model = product.model);
{% for p in products %}{% set plea = answers[loop.index0 % 3] %}INSERT INTO question SELECT model, {{ 7 + (loop.index * 5) % 53 }}, {{ plea[0]|sql }}, {{ plea[1]|sql }} FROM product WHERE model = {{ p[1]|sql }} AND stock > 0;
{% endfor %}
