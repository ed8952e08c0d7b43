{% for p in places %}INSERT INTO place VALUES ({{ loop.index }}, {{ p[0]|sql }}, {{ p[1]|sql }}, {{ p[2]|sql }}, {{ p[3]|sql }}, {{ p[4] }});
{% endfor %}
{% for h in hotels %}{% set id = loop.index %}{% set name = h[0] %}{% set kind = kinds[h[2]] %}
{% set stars = 2 + below(4, name, "stars") %}{% set base = 5200 + stars * 1300 + below(46, name, "base") * 100 %}
{% set breakfast = below(3, name, "breakfast") %}{% set pets = 1 if chance(52, name, "pets") else 0 %}{% set blurb = pick(blurbs, name, "blurb") %}
INSERT INTO hotel VALUES ({{ id }}, {{ (name|replace("ç", "c")|replace("á", "a")|replace("é", "e")|replace("í", "i")|replace("ó", "o")|replace("ñ", "n")|replace("É", "e"))|slug|sql }}, {{ name|sql }}, {{ h[1] + 1 }}, {{ kind[0]|sql }}, {{ kind[1]|sql }},
 {{ stars }}, {{ 71 + below(28, name, "rating") }}, {{ breakfast }}, {{ 0 if breakfast == 1 else 750 + id * 30 + below(2, name, "bp") * 15 }}, {{ pets }}, {{ (700 + below(19, name, "petfee") * 50) if pets else 0 }},
 {{ pick(["13:00", "14:00", "15:00", "15:30", "16:00"], name, "in")|sql }}, {{ pick(["10:00", "10:30", "11:00", "11:30", "12:00"], name, "out")|sql }},
 {{ ("+351 0" ~ (210 + h[1]) ~ " 555 " ~ (100 + id * 7 + below(7, name, "phone")))|sql }}, {{ (pick(streets, name, "street") ~ " " ~ (1 + below(88, name, "no")))|sql }},
 {{ pick([2, 3, 5, 7, 14], name, "free") }}, {{ 2100 + id * 110 + below(8, name, "late") * 10 }}, {{ 7900 + id * 90 + below(8, name, "noshow") * 10 }}, {{ 1100 + id * 70 + below(6, name, "early") * 10 }},
 {{ 80 + below(46, name, "metres") * 50 }}, {{ below(5, name, "scene") }}, {{ below(360, name, "hue") }}, {{ blurb[0]|sql }}, {{ blurb[1]|sql }});
{% for step in range(0, 3) %}{% for r in rooms[(id + step) % 5] %}{% set room = (id - 1) * 6 + step * 2 + loop.index %}
INSERT INTO room VALUES ({{ room }}, {{ id }}, {{ r[0]|sql }}, {{ r[1] }}, {{ r[2]|sql }}, {{ r[3]|sql }}, {{ r[4] + below(5, name, r[0], "size") }}, {{ (base * r[5] // 10000) * 100 + below(5, name, r[0], "price") * 100 }});
{% for offset in range(1, 41) %}{% if chance(9, room, offset, "sold") %}INSERT INTO sold VALUES ({{ room }}, {{ days_on(offset)|sql }});
{% endif %}{% endfor %}{% endfor %}{% endfor %}
{% for n in range(0, 2 + below(3, name, "reviews")) %}INSERT INTO review (hotel_id, author, score, text, day) VALUES ({{ id }}, {{ authors[(id * 5 + n * 7) % 12]|sql }}, {{ 7 + below(4, name, n, "score") }}, {{ remarks[(id * 3 + n) % 8]|sql }}, {{ days_on(-9 - n * 17 - below(9, name, n, "day"))|sql }});
{% endfor %}{% endfor %}
{% for h in hotels %}INSERT INTO asked VALUES ({{ loop.index }}, {{ 640 + loop.index * 35 + below(6, h[0], "parking") * 5 }}, {{ verdicts[loop.index0 % 4]|sql }});
{% endfor %}
