INSERT INTO delivery VALUES ('mobile tickets', 1, 'Mobile tickets (free)', 0), ('print-at-home tickets', 2, 'Print-at-home tickets (free)', 0), ('paper tickets', 3, 'Paper tickets by post ($4.50)', 450);
{% for v in venues %}INSERT INTO venue VALUES ({{ loop.index }}, {{ v[0]|sql }}, {{ v[1]|sql }}, {{ v[2]|sql }}, {{ v[3]|sql }}, {{ v[4] }}, {{ v[5] }}, {{ v[6]|sql }}, {{ v[7]|sql }});
{% endfor %}
{% for a in acts %}{% set n = loop.index %}{% set v = venues[a[2] - 1] %}{% set slug = a[0]|slug %}
INSERT INTO act VALUES ({{ slug|sql }}, {{ a[0]|sql }}, {{ a[1]|sql }}, {{ a[2] }}, {{ a[3] }}, {{ a[4] }}, {{ a[5]|sql }}, {{ below(360, slug, "hue") }}, {{ (n + below(2, slug, "art")) % 6 }}, {{ a[6] }});
{% if not a[6] %}{% set first = 3 + below(24, slug, "first") %}{% set staged = a[1] in ["Plays", "Musicals"] %}
{% set base = {"hall": 3400, "club": 2200, "playhouse": 2800, "arena": 5200}[v[2]] + below(14, slug, "base") * 100 %}
{% set shows = [[0, "evening show", 1170], [1, "matinee", 870], [1, "evening show", 1170], [2, "evening show", 1170], [3, "matinee", 870], [3, "evening show", 1170]] if staged
  else [[0, "evening show", 1200], [1, "extra show", 990], [1, "evening show", 1200], [2, "evening show", 1200], [2, "late show", 1350]] %}
{% for s in shows %}{% if s[1] in ["evening show", "matinee"] or chance(70, slug, s[0], s[1]) %}{% set id = n * 10 + loop.index0 %}
{% set start = s[2] + below(3, slug, s[1], "at") * 15 %}{% set gone = chance(18, slug, s[0], s[1], "gone") %}
INSERT INTO event VALUES ({{ id }}, {{ slug|sql }}, {{ days_on(first + s[0])|sql }}, {{ s[1]|sql }}, {{ start|clock|sql }}, {{ (start - v[5])|clock|sql }});
{% for c in categories[v[2]] %}INSERT INTO seat VALUES ({{ id }}, {{ loop.index }}, {{ c|sql }}, {{ c|slug|sql }}, {{ (base * [190, 140, 115, 70][loop.index0] // 100 + below(9, slug, s[0], s[1], "rise") * 50 - (300 if s[1] == "matinee" else 0)) // 50 * 50 }},
 {{ 0 if gone or chance(17, slug, s[0], s[1], c) else 4 + below(60, slug, s[0], s[1], c, "left") }});
{% endfor %}{% endif %}{% endfor %}{% endif %}{% endfor %}
{% for a in acts %}{% if not a[6] %}{% set picture = pictures[loop.index % 3] %}INSERT INTO programme VALUES ({{ a[0]|slug|sql }}, {{ 12 + (loop.index * 7) % 23 }}, {{ picture[0]|sql }}, {{ picture[1]|sql }});
{% endif %}{% endfor %}
