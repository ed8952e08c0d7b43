{% for c in categories %}INSERT INTO category VALUES ({{ loop.index }}, {{ c[0]|sql }}, {{ c[1]|sql }}, {{ c[2]|sql }}, {{ c[3] }});
{% endfor %}{% for h in hosts %}INSERT INTO host VALUES ({{ loop.index }}, {{ h[0]|sql }}, {{ h[1] }}, {{ h[2]|sql }});
{% endfor %}
{% for a in activities %}{% set id = loop.index %}{% set name = a[0] %}{% set adult = 1800 + below(26, name, "adult") * 150 + id * 20 + a[4] * 4 %}
INSERT INTO activity VALUES ({{ id }}, {{ name|slug|sql }}, {{ name|sql }}, {{ a[1] + 1 }}, {{ a[2] + 1 }}, {{ a[3]|sql }}, {{ a[4] }}, {{ adult }}, {{ adult * 3 // 5 // 10 * 10 }}, {{ a[5] }}, {{ 6 + below(7, name, "group") }},
 {{ meetings[(id * 7 + below(3, name, "meet")) % 10]|sql }}, {{ ("(01632) 960 " ~ (100 + id * 11 + below(10, name, "phone")))|sql }}, {{ brings[(a[1] + below(2, name, "bring")) % 6]|sql }}, {{ pick(rains, name, "rain")|sql }}, {{ pick(["English", "English and French", "English and German", "English, some Spanish"], name, "lang")|sql }},
 {{ pick([24, 36, 48, 72], name, "hours") }}, {{ below(6, name, "variant") }});
{% for offset in range(1, 27) %}{% if chance(64, id, offset, "on") %}{% for time in starts[a[1]] %}{% if chance(58, id, offset, time, "at") %}INSERT INTO session (activity_id, day, starts, places) VALUES ({{ id }}, {{ days_on(offset)|sql }}, {{ time|sql }}, {{ 0 if chance(24, id, offset, time, "full") else 1 + below(9, id, offset, time, "left") }});
{% endif %}{% endfor %}{% endif %}{% endfor %}{% endfor %}
INSERT INTO wish (activity_id) VALUES (4), (24);
{% for a in activities %}{% set id = loop.index %}{% set plea = way_words[id % 3] %}INSERT INTO way VALUES ({{ id }}, {{ 9 + (id * 23) % 77 }}, {{ plea[0]|sql }}, {{ plea[1]|sql }});
{% for n in range(0, 3) %}INSERT INTO guest (activity_id, who, people, words) VALUES ({{ id }}, {{ guests[(id * 3 + n * 3) % 8]|sql }}, {{ 2 + (below(3, a[0], "people") + n * 3) % 9 }}, {{ guest_words[(id + n) % 4]|sql }});
{% endfor %}INSERT INTO aside VALUES ({{ id }}, {{ guest_asides[id % 3]|sql }});
{% endfor %}
