{% for f in fields %}{% set fi = loop.index0 %}{% for i in range(0, 32) %}
{% set key = f.name ~ (i - 1 if i % 6 == 5 else i) %}{% set own = f.name ~ i %}{% set id = fi * 32 + i + 1 %}
{% set level = pick(levels, key, "level") %}{% set company = pick(f.companies, key, "company") %}
{% set low = ((f.salary * level[1] // 100 * (88 + below(25, own, "pay")) // 100) // 500) * 500 %}{% set high = low + (6 + below(22, own, "more")) * 500 %}
{% set closed = i != 7 and chance(15, own, "closed") %}{% set since = 36 + below(4, own, "oldest") if i == 7 else 46 + below(30, own, "old") if closed else below(34, own, "since") %}
INSERT OR IGNORE INTO job VALUES ({{ id }}, {{ ("LD-" ~ (20410 + id * 3))|sql }}, {{ (level[0] ~ pick(f.roles, key, "role"))|sql }}, {{ company|sql }},
 {{ cities[(below(8, key, "city") + (3 if i % 6 == 5 else 0)) % 8]|sql }}, {{ f.name|sql }}, {{ low * 100 }}, {{ high * 100 }}, {{ pick(f.modes, own, "mode")|sql }}, {{ pick(contracts, own, "contract")|sql }},
 {{ days_on(0 - since)|sql }}, {{ days_on(4 + below(9, own, "closes") if i == 7 else 36 - since + below(9, own, "closes"))|sql }}, {{ 0 if closed else 1 }},
 {{ (pick(openings, own, "o") ~ " " ~ (3 + below(14, own, "team")) ~ " people who have been at it for " ~ (2 + below(9, own, "years")) ~ " years on average.")|sql }},
 {{ (pick(f.needs[:2], own, "n1") ~ "; " ~ pick(f.needs[2:4], own, "n2") ~ "; " ~ f.needs[4])|sql }}, {{ (pick(benefits[:3], own, "b1") ~ "; " ~ pick(benefits[3:6], own, "b2") ~ "; " ~ pick(benefits[6:], own, "b3"))|sql }},
 {{ (pick(first, own, "first") ~ " " ~ pick(last, own, "last"))|sql }}, {{ ("(541) 555-0" ~ (100 + below(99, own, "phone")))|sql }}, {{ 14 + below(900, company, "staff") }}, {{ 1920 + below(100, company, "founded") }});
{% endfor %}{% endfor %}
INSERT INTO saved SELECT id FROM job WHERE is_open = 1 AND id % 29 = 3;
INSERT INTO alert (field, city, how_often, email) VALUES ('Data', 'Norwick', 'Weekly', 'me@example.org'), ('Data', 'Marston', 'Daily', 'me@example.org'), ('Design', 'Norwick', 'Daily', 'me@example.org'),
 ('Kitchens', 'Lowell', 'Weekly', 'me@example.org'), ('Kitchens', 'Redcliff', 'Weekly', 'me@example.org'), ('Building', 'Ashford', 'Daily', 'me@example.org'), ('Care', 'Oakhaven', 'Weekly', 'me@example.org');

INSERT INTO advert (job, weeks, wants, words) SELECT id, 3 + (id * 7) % 29, CASE id % 3 {% for a in advert_words %}WHEN {{ loop.index0 }} THEN {{ a[0]|sql }} {% endfor %}END, CASE id % 3 {% for a in advert_words %}WHEN {{ loop.index0 }} THEN {{ a[1]|sql }} {% endfor %}END FROM job WHERE is_open = 1 ORDER BY id;
