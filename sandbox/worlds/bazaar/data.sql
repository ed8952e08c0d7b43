INSERT INTO account VALUES ('maren', 'Maren', 'maren@bazaar.example', 'lantern-42', '2019');
INSERT INTO address VALUES (1, 'Home', '14 Juniper Row', 'BN2 9RT', 'Brighton', 'United Kingdom'), (2, 'Studio', '3 Foundry Yard', 'BN1 4GQ', 'Brighton', 'United Kingdom'),
 (3, 'Office', '220 Station Parade', 'BN1 3EF', 'Brighton', 'United Kingdom'), (4, 'Cottage', '7 Saltmarsh Lane', 'TN31 7TP', 'Rye', 'United Kingdom');
{% for s in sellers %}INSERT INTO seller VALUES ({{ loop.index }}, {{ s[0]|sql }}, {{ s[0]|slug|sql }}, {{ s[1]|sql }}, {{ s[2] }}, {{ s[3]|sql }}, {{ s[4]|sql }});
{% endfor %}{% for i in items %}INSERT INTO item VALUES ({{ loop.index }}, {{ i[0] }}, {{ i[1]|sql }}, {{ i[2]|sql }}, {{ i[3] }}, {{ i[4]|sql }}, {{ i[5]|sql }}, {{ i[6] }});
{% endfor %}{% for n in range(0, 96) %}
{% set number = "BZ-" ~ (61980 - n * 13 - below(9, "no", n)) %}{% set item = (n * 17 + below(4, "it", n) * 9) % 36 %}
{% set ago = n // 3 if n < 24 else (n - 16 if n < 56 else 40 + (n - 56) * 6 + below(3, "d", n)) %}
{% set quantity = 1 + (1 if chance(22, "q", n) else 0) + (1 if chance(8, "qq", n) else 0) %}{% set post = [0, 390, 490, 650][below(4, "p", n)] %}
{% set total = items[item][3] * quantity + post %}
{% set cancelled = n > 14 and chance(9, "c", n) %}{% set arrives = 6 + below(5, "a", n) %}
{% set status = "Cancelled" if cancelled else ("Being packed" if ago < 3 else ("On its way" if ago < 6 else "Delivered")) %}
{% set due = (arrives - ago) if status != "Delivered" else (4 + below(2, "a", n) - ago) %}
INSERT INTO purchase VALUES ({{ number|sql }}, {{ item + 1 }}, {{ days_on(0 - ago)|sql }}, {{ quantity }}, {{ post }}, {{ total }}, {{ status|sql }}, {{ days_on(due)|sql }}, {{ days_on(due + 30)|sql }},
 {{ pick(carriers, "car", n)|sql }}, {{ ("PW" ~ (4000000 + below(5999999, "t", n)))|sql }}, {{ [1, 1, 2, 3][below(4, "ad", n)] }}, {{ ("INV-" ~ (20718 - n * 3))|sql }}, {{ total // 6 }});
{% endfor %}{% for n in range(0, 15) %}
INSERT INTO thread SELECT {{ n + 1 }}, i.seller, p.number, {{ threads[n % 5][0]|sql }} FROM purchase p JOIN item i ON i.id = p.item ORDER BY p.day DESC, p.number DESC LIMIT 1 OFFSET {{ 7 + n * 4 }};
INSERT INTO message SELECT {{ n * 2 + 1 }}, t.id, 1, min(p.day, date({{ days_on(0)|sql }}, '-1 day')), t.subject || {{ " My order is " |sql }} || p.number || '.' FROM thread t JOIN purchase p ON p.number = t.purchase WHERE t.id = {{ n + 1 }};
INSERT INTO message SELECT {{ n * 2 + 2 }}, t.id, 0, min(date(p.day, '+1 day'), {{ days_on(0)|sql }}), {{ threads[n % 5][1]|sql }} FROM thread t JOIN purchase p ON p.number = t.purchase WHERE t.id = {{ n + 1 }};
{% endfor %}
INSERT INTO review SELECT NULL, p.number, 3 + (p.total % 3), CASE p.total % 3 WHEN 0 THEN 'Decent, though it took its time to arrive.' WHEN 1 THEN 'Well made and carefully packed.' ELSE 'Exactly as pictured. I would buy it again.' END, date(p.due, '+6 days')
 FROM purchase p WHERE p.status = 'Delivered' AND p.due < date({{ days_on(0)|sql }}, '-70 days') AND p.total % 4 = 2 ORDER BY p.number;
INSERT INTO return_request SELECT NULL, p.number, 'It does not fit', 'Original payment', date(p.due, '+9 days') FROM purchase p WHERE p.status = 'Delivered' AND p.due < date({{ days_on(0)|sql }}, '-60 days') AND p.total % 11 = 3 ORDER BY p.number LIMIT 3;
{% for n in range(0, 15) %}{% set plea = postscripts[n % 3] %}{% set phone = "0113 496 0" ~ (100 + below(899, "ring", n)) %}
INSERT INTO hotline VALUES ({{ n + 1 }}, {{ phone|sql }}, {{ plea[0]|sql }});
INSERT INTO message SELECT {{ n + 31 }}, {{ n + 1 }}, 0, m.day, {{ ("One more thing: if it is urgent, ring our workshop at " ~ phone ~ ", mornings only. " ~ plea[1])|sql }} FROM message m WHERE m.id = {{ n * 2 + 2 }};
{% endfor %}{% for s in sellers %}INSERT INTO terms VALUES ({{ loop.index }}, {{ 150 + loop.index * 45 + below(4, s[0], "wrap") * 10 }}, {{ 620 + loop.index * 55 + below(5, s[0], "engrave") * 10 }}, {{ small_print[loop.index0 % 4]|sql }});
{% endfor %}
