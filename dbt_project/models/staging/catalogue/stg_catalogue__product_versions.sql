with delivered as (

    {{ latest_by_key(
        source('catalogue', 'products'),
        key=['product_id', 'updated_at', '_load_date']
    ) }}

),

timed as (

    -- as in stg_catalogue__products, a row without a time loses to those of its product with one
    select
        *,
        coalesce(updated_at, {{ utc_start_of('_load_date') }}) as changed_at
    from delivered
    qualify updated_at is not null or count(updated_at) over (partition by product_id) = 0

),

states as (

    -- of several rows with one time, what was said last
    select
        product_id,
        {{ clean_text('name') }} as product_name,
        {{ clean_text('brand') }} as brand,
        {{ clean_text('designer') }} as designer,
        {{ clean_text('department') }} as department,
        {{ clean_text('category') }} as category,
        {{ clean_text('subcategory') }} as subcategory,
        {{ clean_text('color') }} as color,
        {{ clean_text('material') }} as material,
        {{ clean_text('size') }} as size,
        list_price as list_price_amount,
        unit_cost as unit_cost_amount,
        changed_at,
        _load_date,
        _source_file,
        _line_number,
        _raw_version
    from timed
    qualify
        row_number() over (partition by product_id, changed_at order by _load_date desc) = 1

),

described as (

    -- a mark that no text holds keeps the values apart
    select
        *,
        concat_ws(
            chr(31),
            coalesce(product_name, ''),
            coalesce(brand, ''),
            coalesce(designer, ''),
            coalesce(department, ''),
            coalesce(category, ''),
            coalesce(subcategory, ''),
            coalesce(color, ''),
            coalesce(material, ''),
            coalesce(size, ''),
            coalesce(cast(list_price_amount as varchar), ''),
            coalesce(cast(unit_cost_amount as varchar), '')
        ) as content
    from states

),

compared as (

    select
        *,
        lag(content) over (partition by product_id order by changed_at) as content_before
    from described

),

versions as (

    -- a catalogue that is delivered again without a change makes no version
    select *
    from compared
    where content is distinct from content_before

)

select
    -- ids
    product_id,

    -- properties
    product_name,
    brand,
    designer,
    department,
    category,
    subcategory,
    color,
    material,
    size,

    -- measures
    list_price_amount,
    unit_cost_amount,

    -- timestamps
    -- nothing is known from before the first version, and it is the best guess
    case
        when lag(changed_at) over (partition by product_id order by changed_at) is null
            then cast('1900-01-01' as timestamp)
        else changed_at
    end as valid_from,
    lead(changed_at) over (partition by product_id order by changed_at) as valid_to,
    changed_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from versions
