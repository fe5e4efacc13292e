"""The words of the invented retailer: people's names, streets, cities and products, as tables.

First and last names come from Faker, with their frequencies, and nicknames from the package of that
name; cities, products and areas are made up here, because they carry what the demo needs: time
zones, postcodes, attributes. Who is called what and who buys what is decided in `world/*.sql`, not
here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb

SLOTS = 10_000
"""How finely name frequencies are kept: a draw picks one of so many slots."""

REGIONS = (
    # region, time zone (Arizona keeps no summer time), first three digits of postcodes, area code
    ("OH", "America/New_York", "432", 614),
    ("OH", "America/New_York", "452", 513),
    ("KY", "America/New_York", "402", 502),
    ("IN", "America/New_York", "462", 317),
    ("MI", "America/New_York", "482", 313),
    ("PA", "America/New_York", "152", 412),
    ("NY", "America/New_York", "142", 716),
    ("NC", "America/New_York", "282", 704),
    ("TN", "America/Chicago", "372", 615),
    ("IL", "America/Chicago", "606", 312),
    ("MO", "America/Chicago", "631", 314),
    ("CO", "America/Denver", "802", 303),
    ("AZ", "America/Phoenix", "850", 602),
    ("CA", "America/Los_Angeles", "950", 408),
)
CITIES_A_REGION = 4

CITY_WORDS = ("Alder", "Birch", "Cedar", "Elm", "Fair", "Glen", "Harbor", "Lake", "Maple", "Oak")
CITY_ENDINGS = ("brook", "dale", "field", "ford", "haven", "mont", "ton", "view", "ville", "wood")

STREET_KINDS = ("Street", "Avenue", "Road", "Lane", "Drive", "Court", "Boulevard")

MAIL_DOMAINS = (
    # the names reserved for examples (RFC 2606), so that nobody's address is ever meant
    ("mail.example.com", 40),
    ("example.com", 20),
    ("post.example.org", 15),
    ("example.net", 15),
    ("inbox.example.net", 10),
)

ACCENTED_FIRST_NAMES = {
    "f": ("Zoë", "Chloé", "Renée", "Inés", "Sofía", "Małgorzata", "Åsa", "Jördis", "Núria"),
    "m": ("José", "Łukasz", "Jürgen", "Søren", "Ángel", "André", "Miloš", "Étienne", "Øyvind"),
}  # fmt: skip
ACCENTED_LAST_NAMES = (
    "Müller", "García", "Muñoz", "Nuñez", "Wałęsa", "Dvořák", "Søndergaard", "Nguyễn", "Özdemir",
    "Strauß", "Lefèvre", "O'Neill", "De la Cruz", "Smith-Jones", "D'Angelo", "Van der Berg",
)  # fmt: skip

CATEGORIES: Mapping[str, tuple[str, tuple[str, ...], tuple[float, float]]] = {
    # category: department, things, lowest and highest usual price
    "home": (
        "Living",
        ("lamp", "rug", "cushion", "curtain", "mirror", "shelf", "throw", "vase", "clock", "chair"),
        (15, 240),
    ),
    "kitchen": (
        "Living",
        ("kettle", "pan", "knife", "blender", "mug", "bowl", "toaster", "board", "jar", "scale"),
        (8, 160),
    ),
    "garden": (
        "Outdoor",
        ("planter", "hose", "trowel", "bench", "lantern", "grill", "seeds", "gloves", "rake",
         "pot"),
        (5, 220),
    ),
    "sports": (
        "Outdoor",
        ("mat", "bottle", "jacket", "backpack", "racket", "helmet", "tent", "rope", "ball",
         "watch"),
        (10, 260),
    ),
    "fashion": (
        "Apparel",
        ("dress", "shirt", "coat", "scarf", "belt", "boots", "jeans", "skirt", "sweater", "hat"),
        (12, 280),
    ),
    "beauty": (
        "Apparel",
        ("serum", "lipstick", "soap", "perfume", "brush", "mask", "lotion", "shampoo", "balm",
         "oil"),
        (4, 90),
    ),
    "electronics": (
        "Technology",
        ("headphones", "speaker", "charger", "tablet", "camera", "router", "keyboard", "drone",
         "monitor", "phone"),
        (15, 600),
    ),
    "toys": (
        "Technology",
        ("puzzle", "robot", "doll", "blocks", "train", "kite", "board game", "plush", "marbles",
         "scooter"),
        (6, 120),
    ),
}  # fmt: skip
VARIANTS = 8
"""Products of each thing: with ten things in eight categories, 640 products."""

BRANDS = (
    "Arvo", "Belmont", "Corda", "Dunmore", "Elske", "Fenwick", "Galt", "Hollis", "Ikara", "Juno",
    "Kestrel", "Lumen", "Marlow", "Norden", "Orla", "Pella",
)  # fmt: skip
DESIGNERS = ("Ada Lindqvist", "Bruno Castel", "Chiara Neri", "Dmitri Volkov", "Esme Laurent")
COLORS = ("black", "white", "red", "blue", "green", "yellow", "grey", "brown")
MATERIALS = ("cotton", "oak", "steel", "glass", "leather", "plastic")
SIZES = ("S", "M", "L", "XL")
ADJECTIVES = ("Classic", "Modern", "Compact", "Deluxe", "Everyday", "Urban", "Nordic", "Slim")


def load(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the vocabulary's tables.

    `first_name_slots(sex, slot, name)` and `last_name_slots(slot, name)` hold SLOTS rows each (per
    sex), weighted by frequency; `cities(city_no, city, region, time_zone, prefix, area_code)`,
    `mail_domain_slots(slot, domain)` of 100, `street_names(street_no, street)`; and the words of
    products: `things(category, department, thing, thing_no, low_price, high_price)`. Lists without
    a weight are the macros `categories()` (in alphabetical order), `brands()`, `designers()`,
    `colors()`, `materials()`, `sizes()`, `adjectives()`, `accented_first_names(sex)` and
    `accented_last_names()`. `nicknames(first_name, nicknames)` holds a list for each first name
    that has one.
    """
    from faker.providers.person.en_US import Provider as Names

    for sex, names in (("f", Names.first_names_female), ("m", Names.first_names_male)):
        _table(connection, f"slots_{sex}", "slot integer, name varchar", _slots(names, SLOTS))
    connection.execute(
        "create table first_name_slots as select 'f' as sex, * from slots_f "
        "union all select 'm', * from slots_m"
    )
    connection.execute("drop table slots_f; drop table slots_m")
    _table(
        connection,
        "nicknames",
        "first_name varchar, nicknames varchar[]",
        _nicknames((*Names.first_names_female, *Names.first_names_male)),
    )
    last_names = _slots(Names.last_names, SLOTS)
    _table(connection, "last_name_slots", "slot integer, name varchar", last_names)
    _table(
        connection,
        "mail_domain_slots",
        "slot integer, domain varchar",
        _slots(dict(MAIL_DOMAINS), 100),
    )
    _table(
        connection,
        "cities",
        "city_no integer, city varchar, region varchar, time_zone varchar, prefix varchar, "
        "area_code bigint",
        _cities(),
    )
    streets = [f"{name} {STREET_KINDS[n % len(STREET_KINDS)]}" for n, name in enumerate(
        list(Names.last_names)[:400]
    )]  # fmt: skip
    _table(connection, "street_names", "street_no integer, street varchar", enumerate(streets))
    _table(
        connection,
        "things",
        "category varchar, department varchar, thing varchar, thing_no integer, "
        "low_price double, high_price double",
        (
            (category, department, thing, number, *prices)
            for category, (department, things, prices) in CATEGORIES.items()
            for number, thing in enumerate(things)
        ),
    )
    lists = {
        "categories": sorted(CATEGORIES),
        "brands": BRANDS,
        "designers": DESIGNERS,
        "colors": COLORS,
        "materials": MATERIALS,
        "sizes": SIZES,
        "adjectives": ADJECTIVES,
        "accented_last_names": ACCENTED_LAST_NAMES,
    }
    for name, words in lists.items():
        connection.execute(f"create macro {name}() as {_list(words)}")
    connection.execute(
        "create macro accented_first_names(sex) as "
        f"if(sex = 'f', {_list(ACCENTED_FIRST_NAMES['f'])}, {_list(ACCENTED_FIRST_NAMES['m'])})"
    )


def _list(words: Sequence[str]) -> str:
    """A list of texts as SQL."""
    return "[" + ", ".join("'" + word.replace("'", "''") + "'" for word in words) + "]"


def _nicknames(first_names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each first name with its nicknames; those that are long or first names too are left out."""
    from nicknames import NickNamer

    names, known = NickNamer(), {name.lower() for name in first_names}
    for name in sorted(set(first_names)):
        short = [word for word in names.nicknames_of(name) if len(word) <= len(name)]
        if words := sorted(word.capitalize() for word in short if word not in known):
            yield name, words


def _slots(weights: Mapping[str, float], count: int) -> Iterator[tuple[int, str]]:
    """Every slot from 0 to count - 1 with a name, in proportion to the names' weights."""
    total, seen, slot = sum(weights.values()), 0.0, 0
    for name, weight in weights.items():
        seen += weight
        while slot < count and (slot + 0.5) / count <= seen / total + 1e-12:
            yield slot, name
            slot += 1


def _cities() -> Iterator[tuple[int, str, str, str, str, int]]:
    for number in range(len(REGIONS) * CITIES_A_REGION):
        region, time_zone, prefix, area_code = REGIONS[number % len(REGIONS)]
        word = CITY_WORDS[number % len(CITY_WORDS)]
        ending = CITY_ENDINGS[(number // len(CITY_WORDS) + number) % len(CITY_ENDINGS)]
        yield number, word + ending, region, time_zone, prefix, area_code


def _table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: str,
    rows: Iterator[tuple[object, ...]] | enumerate[str],
) -> None:
    """Create a table from rows, a column at a time: row by row takes a second per thousand."""
    types = [column.split()[1] for column in columns.split(", ")]
    lists = [list(column) for column in zip(*rows, strict=True)]
    values = ", ".join(f"unnest(?::{kind}[])" for kind in types)
    connection.execute(f"create table {name} ({columns})")
    connection.execute(f"insert into {name} select {values}", lists)
