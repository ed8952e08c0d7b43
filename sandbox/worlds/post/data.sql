INSERT INTO account VALUES ('maren', 'lighthouse-41', 'Maren Holloway', 'maren@postbox.example', 'Maren Holloway, Tidewater Studio', 0);
INSERT INTO folder VALUES ('inbox', 'Inbox', 1, 1), ('work', 'Work', 2, 1), ('receipts', 'Receipts', 3, 1), ('travel', 'Travel', 4, 1), ('family', 'Family', 5, 1), ('archive', 'Archive', 6, 1), ('spam', 'Spam', 7, 1), ('trash', 'Trash', 8, 0);
{% for c in colleagues + family %}INSERT INTO contact (name, mail, org) VALUES ({{ c[0]|sql }}, {{ c[1]|sql }}, {{ c[2]|sql }});
{% endfor %}
{% macro mail(folder, who, mail, subject, age, key, body, unread, thread="") %}INSERT INTO message (thread, folder, sender, mail, subject, day, clock, body, unread, starred) VALUES ({{ (thread or subject)|sql }}, {{ folder|sql }}, {{ who|sql }}, {{ mail|sql }}, {{ subject|sql }}, {{ days_on(0 - age)|sql }}, {{ (400 + below(700, key, "clock"))|clock|sql }}, {{ body|sql }}, {{ 1 if chance(unread, key, "unread") else 0 }}, {{ 1 if chance(9, key, "star") else 0 }});
{% endmacro %}
{% for f in firms %}{% set i = loop.index0 %}{% for k in range(0, 3) %}{% set key = f[0] ~ k %}{% set number = 2100 + i * 400 + k * 120 + below(99, key) %}{% set cents = 1450 + below(24000, key, "cents") %}{% set due = days_on(14 + below(9, key, "due") - k * 31) %}
{% set age = 2 + below(9, f[0], "age") + k * 31 %}
{{ mail("inbox" if k == 0 else "receipts", f[0], f[1], "Invoice " ~ number ~ " from " ~ f[0], age, key, "Dear Maren Holloway,\n\nthis is your invoice for " ~ f[2] ~ ".\n\nInvoice number: " ~ number ~ "\nAmount due: " ~ cents|money ~ "\nPayable by: " ~ due|date ~ "\n\nThank you for paying in time.\n" ~ f[0], 50 if k == 0 else 8) }}
INSERT INTO bill SELECT max(id), {{ number }}, {{ f[0]|sql }}, {{ cents }}, {{ due|sql }} FROM message;
INSERT INTO attachment (message, file, bytes, content) SELECT max(id), {{ ("invoice-" ~ number ~ ".txt")|sql }}, {{ 900 + below(3000, key, "bytes") }}, {{ ("Invoice " ~ number ~ "\n" ~ f[0] ~ "\n" ~ cents|money)|sql }} FROM message;
{% endfor %}{% endfor %}
{% for place in places %}{% set p = loop.index0 %}{% for k in range(0, 2) %}{% set key = place ~ k %}{% set c = pick(carriers, key, "carrier") %}{% set day = days_on(4 + p * 2 + k * 21 + below(5, key, "day")) %}{% set code = pick(letters, key, 1) ~ pick(letters, key, 2) ~ pick(letters, key, 3) ~ pick(letters, key, 4) ~ pick(letters, key, 5) ~ pick(letters, key, 6) %}
{{ mail("travel" if chance(60, key, "folder") else "inbox", c[0], c[1], "Your trip to " ~ place ~ " on " ~ day|date, 3 + below(40, key, "age"), key, "Hello Maren Holloway,\n\nyour seat is booked. Please show this message, printed or not, when you board the " ~ c[2] ~ ".\n\nTo: " ~ place ~ "\nOn: " ~ day|date ~ "\nDeparts: " ~ pick(clocks, key, "departs") ~ "\nBooking reference: " ~ code ~ "\n\nHave a good trip.\n" ~ c[0], 30) }}
INSERT INTO trip SELECT max(id), {{ place|sql }}, {{ day|sql }}, {{ code|sql }} FROM message;
{% endfor %}{% endfor %}
{% for project in projects %}{% set key = project %}{% set who = pick(colleagues, key, "visitor") %}{% set day = days_on(2 + loop.index0 * 3 + below(3, key, "visit")) %}{% set clock = pick(clocks, key, "visit") %}{% set gate = pick(gates, key, "gate") %}
{{ mail("inbox" if chance(60, key, "vf") else "work", who[0], who[1], "Site visit: " ~ project, 1 + below(12, key, "vage"), key ~ "visit", "Dear Maren,\n\nthe site visit is on " ~ day|weekday ~ ", " ~ day|date ~ " at " ~ clock ~ ". We meet " ~ gate ~ ". Please bring boots and your helmet.\n\n" ~ pick(thoughts, key, "vt") ~ "\n\nBest,\n" ~ who[0], 45) }}
INSERT INTO visit SELECT max(id), {{ project|sql }}, {{ who[0]|sql }}, {{ day|sql }}, {{ clock|sql }}, {{ gate|sql }} FROM message;
{% for file in files %}{% set key = project ~ file[0] %}{% set who = pick(colleagues, key, "who") %}{% set other = pick(colleagues, key, "other") %}{% set subject = {"floor-plan": "Floor plans", "window-schedule": "Window schedule", "meeting-notes": "Meeting notes", "structural-report": "Structural report"}[file[0]] ~ ": " ~ project %}{% set age = 2 + below(30, key, "age") %}
{{ mail("inbox" if chance(45, key, "f") else "work", who[0], who[1], subject, age, key, "Dear Maren,\n\nhere are the papers for " ~ project ~ ". " ~ pick(thoughts, key, "a") ~ "\n\n" ~ pick(thoughts, key, "b") ~ "\n\nBest,\n" ~ who[0], 35) }}
INSERT INTO attachment (message, file, bytes, content) SELECT max(id), {{ (file[0] ~ "-" ~ project|slug ~ "." ~ file[1])|sql }}, {{ 4000 + below(90000, key, "bytes") }}, {{ (file[0] ~ "\n" ~ project)|sql }} FROM message;
{% if chance(30, key, "second") %}INSERT INTO attachment (message, file, bytes, content) SELECT max(id), {{ (file[0] ~ "-" ~ project|slug ~ "-old." ~ file[1])|sql }}, {{ 4000 + below(90000, key, "oldbytes") }}, {{ (file[0] ~ "\n" ~ project ~ "\nold")|sql }} FROM message;
{% endif %}
{% if other[0] != who[0] and chance(60, key, "reply") %}{{ mail("inbox" if chance(40, key, "rf") else "work", other[0], other[1], "Re: " ~ subject, age - 1, key ~ "re", "Dear all,\n\n" ~ pick(replies, key, "r") ~ "\n\n" ~ other[0], 40, subject) }}{% endif %}
{% endfor %}{% endfor %}
{% for p in personal %}{% set who = pick(family, p[0], "who") %}{{ mail("inbox" if chance(45, p[0], "f") else "family", who[0], who[1], p[0], 1 + below(50, p[0], "age"), p[0], "Dear Maren,\n\n" ~ p[1] ~ "\n\nYours,\n" ~ who[0], 40) }}
{% endfor %}
{% for n in letters_of_news %}{% for subject in n[2] %}{{ mail("inbox", n[0], n[1], subject, 2 + below(60, subject, "age"), subject, "This month: " ~ subject ~ ".\n\nYou get this letter because you asked for it. It can be ended at any time at the desk or on our page.\n\n" ~ n[0], 60) }}{% endfor %}{% endfor %}
{% for s in spam %}{% set phone = "01632 960" ~ (100 + below(900, s[0], "phone")) %}{{ mail("spam", s[1], s[2], s[0], 1 + below(20, s[0], "age"), s[0], "Dear customer,\n\n" ~ s[3] ~ " Call " ~ phone ~ " now.\n\n" ~ s[4] ~ "\n\n" ~ s[1], 80) }}
INSERT INTO hotline SELECT max(id), {{ phone|sql }} FROM message;
{% endfor %}
{% for k in range(0, 9) %}{% set who = pick(colleagues, "sent", k) %}INSERT INTO message (thread, folder, sender, mail, subject, day, clock, body, unread, starred) VALUES ({{ ("sent" ~ k)|sql }}, 'sent', {{ ("To " ~ who[0])|sql }}, {{ who[1]|sql }}, {{ (pick(["Drawings for ", "Question about ", "Next steps for ", "Costs of "], "sent", k, "s") ~ pick(projects, "sent", k, "p"))|sql }}, {{ days_on(0 - 2 - k * 4)|sql }}, {{ (500 + below(500, "sent", k))|clock|sql }}, {{ ("Dear " ~ who[0] ~ ",\n\n" ~ pick(thoughts, "sent", k, "t") ~ "\n\nMaren")|sql }}, 0, 0);
{% endfor %}
{% macro kept(who, mail, subject, age, key, body) %}INSERT INTO message (thread, folder, sender, mail, subject, day, clock, body, unread, starred) VALUES ({{ (who ~ subject)|sql }}, 'archive', {{ who|sql }}, {{ mail|sql }}, {{ subject|sql }}, {{ days_on(0 - age)|sql }}, {{ (400 + below(700, key, "clock"))|clock|sql }}, {{ body|sql }}, 0, 0);
{% endmacro %}
{% for f in contract_firms %}{% for service in f[2] %}{% set key = f[0] ~ service %}{% set runs = days_on(70 + loop.index0 * 90 + below(60, key, "runs")) %}
{{ kept(f[0], f[1], "Your " ~ service ~ " contract", 120 + below(200, key, "age"), key, "Dear Maren Holloway,\n\nthank you for staying with us. Your " ~ service ~ " contract runs until " ~ runs|date ~ "; if we do not hear from you, it ends on that day.\n\n" ~ f[4] ~ "\n\nKind regards,\n" ~ f[0]) }}
INSERT INTO contract SELECT max(id), {{ f[0]|sql }}, {{ service|sql }}, {{ runs|sql }}, {{ f[3]|sql }} FROM message;
{% endfor %}{% endfor %}
{% for f in paper_firms %}{% for subject in f[2] %}{{ kept(f[0], f[1], subject, 110 + below(220, f[0], subject, "age"), f[0] ~ subject, "Dear Maren Holloway,\n\nplease keep this message with your papers: " ~ subject ~ ".\n\n" ~ f[3] ~ "\n\n" ~ f[0]) }}
INSERT INTO paper SELECT max(id) FROM message;
{% endfor %}{% endfor %}
