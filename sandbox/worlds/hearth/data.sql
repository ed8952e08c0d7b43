{% for d in districts %}INSERT INTO district VALUES ({{ loop.index }}, {{ d[0]|sql }}, {{ d[1]|sql }}, {{ d[4] }}, {{ d[5] }}, {{ d[6]|sql }});
{% endfor %}
{% for a in agents %}INSERT INTO agent VALUES ({{ loop.index }}, {{ a.name|sql }}, {{ a.phone|sql }}, {{ a.email|sql }}, {{ a.office|sql }});
{% endfor %}
{% for s in streets %}{% set place = loop.index0 %}{% set d = districts[s[1]] %}{% set figures = numbers[place % 5] %}{% set doors = flats[place % 5] %}
{% for slot in range(0, 6) %}{% set key = s[0] ~ slot %}{% set in_block = slot in [2, 3] %}
{% set id = place * 6 + slot + 1 %}
{% set figure = figures[[0, 1, 2, 2, 3, 4][slot]] %}
{% set kind = pick(in_blocks, key, "kind") if in_block else pick(houses, key, "kind") %}
{% set form = shape[kind] %}{% set beds = form[0] + below(form[1], key, "beds") %}{% set area = form[2] + form[3] * beds + below(17, key, "area") %}
{% set rent = chance(46, key, "deal") %}
{% set buy_price = ((area * d[2] * (86 + below(30, key, "price")) // 100) // 500) * 500 %}
{% set rent_price = ((area * d[3] * (84 + below(34, key, "rent")) // 10000) // 5) * 5 %}
{% set built = 1874 + below(148, key, "built") %}{% set rank = [0, [6, (2024 - built) // 26 + below(3, key, "energy") - 1]|min]|max %}
{% set closed = chance(17, key, "closed") %}
INSERT INTO home VALUES ({{ id }}, {{ ("HK-" ~ (1040 + id * 7))|sql }}, {{ ("rent" if rent else "buy")|sql }}, {{ kind|sql }},
 {{ (("Flat " ~ doors[slot - 2] ~ ", " if in_block else "") ~ figure ~ " " ~ s[0])|sql }}, {{ s[0]|sql }}, {{ d[0]|sql }}, {{ (d[1] ~ " " ~ (1 + below(8, s[0], "sector")) ~ "AR")|sql }},
 {{ (rent_price if rent else buy_price) * 100 }}, {{ beds }}, {{ 1 + (beds // 3) + (1 if chance(25, key, "bath") else 0) }}, {{ area }},
 {{ ["A", "B", "C", "D", "E", "F", "G"][rank]|sql }}, {{ built }}, {{ pick(words.heating, key, "heat")|sql }}, {{ pick(words.balcony if in_block else words.outside, key, "out")|sql }}, {{ pick(words.parking, key, "park")|sql }},
 {{ pick(["Welcome", "By agreement", "No"], key, "pets")|sql }}, {{ (rent_price * pick([2, 2, 3], key, "months") + pick([0, 0, 50, 120], key, "inventory")) * 100 if rent else 0 }}, {{ (40 + below(19, key, "charge") * 5) * 100 }}, {{ (900 + below(44, key, "tax") * 25) * 100 }},
 {{ (pick(["Let agreed"] if rent else ["Sold", "Under offer"], key, "why") if closed else "")|sql }}, {{ days_on(10 + below(60, key, "from"))|sql }},
 {{ (pick(words.openers, key, "o") ~ " " ~ pick(words.middles, key, "m") ~ " " ~ pick(words.ends, key, "e"))|sql }}, {{ s[1] + 1 }},
 {{ d[4] - 52 + below(105, key, "x") }}, {{ d[5] - 40 + below(81, key, "y") }});
{% if not closed %}{% for offset in range(2, 15) %}{% set day = days_on(offset) %}{% if day|weekday != "Sunday" and chance(46, key, offset, "open") %}
{% for time in ["09:30", "11:00", "13:30", "15:00", "17:30"] %}{% if chance(72, key, offset, time) %}INSERT INTO viewing_time (home, day, time, taken) VALUES ({{ id }}, {{ day|sql }}, {{ time|sql }}, {{ 1 if chance(26, key, offset, time, "taken") else 0 }});
{% endif %}{% endfor %}{% endif %}{% endfor %}{% endif %}
{% endfor %}{% endfor %}
INSERT INTO viewing (code, home, day, time, name, email, phone)
  SELECT 'V' || (7310 + 13 * row_number() OVER (ORDER BY id)), id, date({{ today|sql }}, '+' || (3 + id % 9) || ' days'), substr('09:3011:0015:0017:30', 1 + 5 * (id % 4), 5), '', '', ''
  FROM home WHERE street IN ('Alder Lane', 'Alder Close', 'Juniper Way', 'Juniper Walk', 'Heron Close') AND status = '' AND id % 6 IN (1, 2, 5);
INSERT INTO shortlist SELECT id FROM home WHERE street = 'Willow Bank' AND id % 6 IN (1, 3);

INSERT INTO heating SELECT id, 4150 + (id * 613) % 89 * 100, CASE id % 3 {% for p in pleas %}WHEN {{ loop.index0 }} THEN {{ p[0]|sql }} {% endfor %}END FROM home WHERE deal = 'rent' AND status = '' AND id NOT IN (SELECT home FROM shortlist) ORDER BY id;
INSERT INTO voice (home, who, words) SELECT home, 'Here until last spring', 'Heating: ' || printf('$%d.%02d', cents / 100, cents % 100) || ' a month on average, over two winters, with the windows shut. The stairs carry every step.' FROM heating ORDER BY home;
{% for p in pleas %}INSERT INTO voice (home, who, words) SELECT home, {{ p[1]|sql }}, {{ p[2]|sql }} FROM heating WHERE wants = {{ p[0]|sql }} ORDER BY home;
{% endfor %}INSERT INTO voice (home, who, words) SELECT home, 'A couple with a cat', 'We liked the light in the morning. The post is put through the door before nine.' FROM heating ORDER BY home;
