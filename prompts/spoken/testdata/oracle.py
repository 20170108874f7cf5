"""Writes az.tsv, en.tsv, ru.tsv and names.tsv. See README.md."""
import icu
from num2words import num2words


def numbers():
    yield from range(1001)
    for i in range(400):
        yield 1001 + (i * i * 6247 + i * 2003) % 998_999


def rules(locale, name):
    r = icu.RuleBasedNumberFormat(icu.URBNFRuleSetTag.SPELLOUT, icu.Locale(locale))
    r.setDefaultRuleSet("%spellout-" + name)
    return lambda n: r.format(n).replace("\u00ad", "")


def table(name, head, rows):
    with open(name, "w") as f:
        f.write("# " + head + "\n")
        f.writelines("\t".join(str(c) for c in row) + "\n" for row in rows)


def azerbaijani():
    for n in numbers():
        cardinal, ordinal = num2words(n, lang="az"), num2words(n, lang="az", to="ordinal")
        assert cardinal.split()[:-1] == ordinal.split()[:-1], n
        if n > 2000 and n // 1000 % 10 == 1:
            cardinal, ordinal = "-", "-"
        yield n, cardinal, ordinal


def english():
    cardinal, ordinal = rules("en_GB", "cardinal-verbose"), rules("en_GB", "ordinal-verbose")
    plain = lambda words: words.replace(",", "")
    for n in numbers():
        row = n, plain(cardinal(n)), plain(ordinal(n))
        assert row[1:] == (plain(num2words(n)), plain(num2words(n, to="ordinal"))), row
        yield row


def russian():
    cardinals = [rules("ru", "cardinal-" + c) for c in (
        "masculine", "feminine", "neuter", "masculine-genitive", "feminine-genitive")]
    ordinals = rules("ru", "ordinal-neuter"), rules("ru", "ordinal-neuter-genitive")
    plural = icu.PluralRules.forLocale(icu.Locale("ru"))
    plain = lambda words: words.replace("ё", "е")
    agreed = 0
    for n in numbers():
        said = [o(n) for o in ordinals]
        right = n <= 21_000 and n % 100 != 80 and not (n % 100 == 0 and n % 1000 > 100)
        if n <= 1000:
            other = [num2words(n, lang="ru", to="ordinal", gender="n", case=c) for c in "ng"]
            agreed += [plain(s) for s in said] == [plain(s) for s in other]
            said = other
        elif not right:
            said = "-", "-"
        yield n, *(c(n) for c in cardinals), *said, plural.select(n)
    assert agreed == 1001 - 8 - 10, agreed  # 200, 300, … 900; 80, 180, … 980


def names():
    for lang in "az", "en", "ru":
        s = icu.DateFormatSymbols(icu.Locale(lang))
        for i, m in enumerate(s.getMonths()):
            yield lang, "month", i + 1, m
        for i, d in enumerate(s.getWeekdays()[1:]):
            yield lang, "weekday", i, d


made = "made by oracle.py with ICU %s and num2words; " % icu.ICU_VERSION
table("az.tsv", made + "number, cardinal, ordinal", azerbaijani())
table("en.tsv", made + "number, cardinal, ordinal", english())
table("ru.tsv", made + "number, cardinal m, f, n, genitive m, f, ordinal n, its genitive, plural class", russian())
table("names.tsv", made + "language, kind, place, name", names())
