{% macro fold_text(text, with_letters=true) -%}
    {#- a long translate is dear, so only what is not plain ASCII goes through it -#}
    {%- set folded = fold_width('lower(' ~ text ~ ')') -%}
    case
        when {{ regex_matches(text, '[^ -~]') }}
            then trim({{ fold_letters(folded) if with_letters else folded }})
        else trim(lower({{ text }}))
    end
{%- endmacro %}


{% macro fold_width(text) -%}
    {#- full-width forms of ASCII, but for the backslash, which SQL reads in two ways -#}
    {%- set wide =
        '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯ'
        ~ 'ＰＱＲＳＴＵＶＷＸＹＺ［］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～'
    -%}
    {%- set plain =
        '!"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNO'
        ~ 'PQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~'
    -%}
    {#- what is typed for a blank, an apostrophe and a hyphen; the last seven are not to be seen -#}
    {%- set blanks = '\t\n\r\u00a0\u2007\u2009\u202f\u3000' -%}
    {%- set apostrophes = '\u2018\u2019\u201b\u02bc\u2032\u00b4' -%}
    {%- set hyphens = '\u2010\u2011\u2012\u2013\u2014\u2212' -%}
    {%- set unseen = '\u00ad\u200b\u200c\u200d\u200e\u200f\ufeff' -%}
    translate(
        {{ text }},
        '{{ wide ~ blanks ~ apostrophes ~ hyphens ~ unseen }}',
        '{{ plain | replace("'", "''") }}{{ ' ' * 8 ~ "''" * 6 ~ '-' * 6 }}'
    )
{%- endmacro %}


{% macro fold_letters(text) -%}
    {%- set letters = {
        'a': 'àáâãäåāăąǎạảấầẩẫậắằẳẵặ', 'c': 'çćĉċč', 'd': 'ðďđḍ', 'e': 'èéêëēĕėęěəẹẻẽếềểễệ',
        'g': 'ĝğġģ', 'h': 'ĥħḥ', 'i': 'ìíîïĩīĭįıǐỉị', 'j': 'ĵ', 'k': 'ķĸḱ', 'l': 'ĺļľŀłḷ',
        'm': 'ṁṃ', 'n': 'ñńņňŋṅṇ', 'o': 'òóôõöøōŏőơǒọỏốồổỗộớờởỡợ', 'p': 'ṕ', 'r': 'ŕŗřṛ',
        's': 'śŝşšșṣ', 't': 'ţťŧțṭ', 'u': 'ùúûüũūŭůűųưǔǖǘǚǜụủứừửữự', 'w': 'ŵẁẃẅ', 'y': 'ýÿŷẏỳỵỷỹ',
        'z': 'źżž',
        'α': 'ά', 'ε': 'έ', 'η': 'ή', 'ι': 'ίϊΐ', 'ο': 'ό', 'υ': 'ύϋΰ', 'ω': 'ώ', 'σ': 'ς',
        'е': 'ёѐ', 'и': 'йѝ', 'і': 'ї', 'у': 'ў', 'г': 'ѓ', 'к': 'ќ',
    } -%}
    {%- set marked, bare = [], [] -%}
    {%- for letter, forms in letters.items() -%}
        {%- do marked.append(forms) -%}
        {%- do bare.append(letter * (forms | length)) -%}
    {%- endfor -%}
    {%- set ligatures = [
        ('ß', 'ss'), ('æ', 'ae'), ('œ', 'oe'), ('þ', 'th'), ('ĳ', 'ij'), ('ﬁ', 'fi'), ('ﬂ', 'fl'),
    ] -%}
    {#- marks that stand beside their letter, not in it -#}
    {%- set ns = namespace(
        folded=regex_replace(
            'translate(' ~ text ~ ", '" ~ marked | join ~ "', '" ~ bare | join ~ "')",
            '[\u0300-\u036f]', ''
        )
    ) -%}
    {%- for ligature, plain in ligatures -%}
        {%- set ns.folded = 'replace(' ~ ns.folded ~ ", '" ~ ligature ~ "', '" ~ plain ~ "')" -%}
    {%- endfor -%}
    {{ ns.folded }}
{%- endmacro %}
