{% for a in airports %}INSERT INTO airport VALUES ({{ a[0]|sql }}, {{ a[1]|sql }}, {{ a[2]|sql }});
{% endfor %}
INSERT INTO baggage VALUES (1, 'Economy', '1 bag up to 8 kg', '1 bag up to 20 kg', 3900), (2, 'Business', '2 bags up to 8 kg each', '2 bags up to 32 kg each', 2900);
{% for r in routes %}{% set route = loop.index %}{% for offset in range(1, 22) %}{% for slot in range(0, 4) %}
{% set number = "SK" ~ (300 + route * 10 + slot) %}{% set departs = departures[(slot * 2 + route) % 8] %}
{% set stops = 1 if chance(30, number) else 0 %}{% set minutes = r[2] + (95 if stops else 0) + below(15, number, "m") %}
{% set start = (departs[:2]|int) * 60 + (departs[3:]|int) %}
{% set economy = 3900 + below(220, number, offset, "e") * 100 %}
INSERT INTO flight VALUES ({{ number|sql }}, {{ days_on(offset)|sql }}, {{ r[0]|sql }}, {{ r[1]|sql }}, {{ departs|sql }}, {{ (start + minutes)|clock|sql }},
 {{ minutes }}, {{ stops }}, {{ (pick(airports, number, "via")[1] if stops else "")|sql }}, {{ economy }}, {{ economy * 3 + 2500 }},
 {{ 0 if chance(14, number, offset, "full") else 2 + below(9, number, offset, "left") }}, {{ 0 if chance(25, number, offset, "fullb") else 1 + below(4, number, offset, "leftb") }});
{% endfor %}{% endfor %}{% endfor %}
{% for r in routes %}{% set route = loop.index %}{% for offset in range(1, 22) %}{% for slot in range(0, 4) %}{% set note = fare_notes[(route + slot + offset) % 3] %}INSERT INTO rule VALUES ({{ ("SK" ~ (300 + route * 10 + slot))|sql }}, {{ days_on(offset)|sql }}, {{ 2500 + route * 310 + slot * 75 + offset % 6 * 45 }}, {{ note[0]|sql }}, {{ note[1]|sql }});
{% endfor %}{% endfor %}{% endfor %}
