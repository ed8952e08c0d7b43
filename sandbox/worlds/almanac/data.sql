INSERT INTO account VALUES ('maren', 'Maren', 'maren@almanac.example', 'lantern-42');
{% for c in calendars %}INSERT INTO calendar VALUES ({{ loop.index }}, {{ c[0]|sql }}, {{ c[1]|sql }}, {{ c[2]|sql }});
{% endfor %}{% for p in people %}INSERT INTO person VALUES ({{ loop.index }}, {{ p[0]|sql }}, {{ p[1]|sql }});
{% endfor %}
{% for offset in range(-28, 50) %}{% for slot in range(0, 4) %}{% if chance(78, "some", offset, slot) %}
{% set e = events[(offset * 7 + 280 + slot * 5 + below(3, "e", offset, slot)) % 20] %}{% set start = (1050 + below(4, "s", offset, slot) * 30) if e[0] in ["Parents evening", "Parents association", "Choir rehearsal", "Choir section rehearsal"] else [510, 630, 780, 960][slot] + below(4, "s", offset, slot) * 30 %}
INSERT INTO event (title, day, start, finish, calendar, place, organiser) SELECT {{ e[0]|sql }}, {{ days_on(offset)|sql }}, {{ start }}, {{ start + e[3] }}, {{ e[1]|sql }}, {{ e[2]|sql }}, 'You'
 WHERE NOT EXISTS (SELECT 1 FROM event WHERE day = {{ days_on(offset)|sql }} AND title = {{ e[0]|sql }}) AND NOT (strftime('%w', {{ days_on(offset)|sql }}) IN ('0', '6') AND ({{ e[1]|sql }} = 'Work' OR {{ e[0]|sql }} LIKE 'Dentist%' OR {{ e[0]|sql }} LIKE 'Parents%'));
{% endif %}{% endfor %}{% if offset % 5 == 2 %}{% set l = locked[(offset + 28) // 5 % 4] %}
INSERT INTO event (title, day, start, finish, calendar, place, organiser) VALUES ({{ l[0]|sql }}, {{ days_on(offset)|sql }}, 1140, {{ 1140 + l[3] }}, {{ l[1]|sql }}, {{ l[2]|sql }}, {{ l[4]|sql }});
{% endif %}{% endfor %}
INSERT INTO guest (event, person, answer) SELECT e.id, p.name, CASE (e.id + p.id) % 3 WHEN 0 THEN 'Maybe' WHEN 1 THEN 'Coming' ELSE 'No answer yet' END FROM event e JOIN person p ON (e.id * 3 + p.id * 7) % 11 < 3
 WHERE e.organiser = 'You' AND e.title IN ('Budget review', 'Sprint planning', 'Design critique', 'Interview panel', 'Choir section rehearsal', 'Supplier visit', 'Lunch with Ines') ORDER BY e.id, p.id;
{% for i in invites %}{% set ahead = 3 + loop.index * 2 %}{% set ahead = ahead + 2 if "Room" in i[1] and days_on(ahead)|weekday in ["Saturday", "Sunday"] else ahead %}INSERT INTO invitation VALUES ({{ loop.index }}, {{ i[0]|sql }}, {{ days_on(ahead)|sql }}, {{ 540 + below(16, "in", loop.index) * 30 }}, {{ 600 + below(16, "in", loop.index) * 30 }}, {{ i[1]|sql }}, {{ i[2]|sql }}, '', {{ i[3]|sql }});
{% endfor %}
{% for m in maybes %}INSERT INTO invitation (title, day, start, finish, place, organiser, answer, note) VALUES ({{ m[0]|sql }}, {{ days_on(4 + loop.index * 3)|sql }}, {{ 540 + below(16, "maybe", loop.index) * 30 }}, {{ 630 + below(16, "maybe", loop.index) * 30 }}, {{ m[1]|sql }}, {{ m[2]|sql }}, 'Maybe', {{ m[3]|sql }});
{% endfor %}
