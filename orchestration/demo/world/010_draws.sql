-- How chance works here: every draw is a function of the seed, a key and a purpose, so that no
-- order of rows, number of threads or size of the population changes what happens to one person.

-- The outer hash is needed: DuckDB combines the hashes of several values by xor at the end, so two
-- purposes of one key would otherwise be the same draw with some bits flipped. That of the purpose is
-- a constant, so that no text is hashed for each row.
create macro draw(key, purpose) as
    (hash(hash(key, hash(purpose, seed()))) >> 11)::double / 9007199254740992.0;

-- A whole number from 0 to n - 1.
create macro pick(key, purpose, n) as cast(floor(draw(key, purpose) * n) as integer);

-- A standard normal number (Box and Muller).
create macro normal(key, purpose) as
    sqrt(-2 * ln(1 - draw(key, purpose || '/radius'))) * cos(2 * pi() * draw(key, purpose || '/angle'));

-- A waiting time with mean 1.
create macro wait(key, purpose) as -ln(1 - draw(key, purpose));

-- One of a list.
create macro one_of(key, purpose, words) as words[1 + pick(key, purpose, len(words))];

-- A local time as UTC, and as ISO 8601 text. The zones are those of the vocabulary: summer time begins
-- on the second Sunday of March and ends on the first of November, but not in Phoenix. The hour that is
-- skipped counts as winter time, the one that comes twice too. `timezone()` says the same ten times as
-- slowly.
create macro is_summer(local_time) as
    case
        when month(local_time) between 4 and 10 then true
        when month(local_time) = 3
            then local_time >= date_trunc('week', make_date(year(local_time), 3, 15)) - interval 21 hour
        when month(local_time) = 11
            then local_time < date_trunc('week', make_date(year(local_time), 11, 8)) - interval 23 hour
        else false
    end;
create macro to_utc(local_time, time_zone) as
    local_time + to_hours(
        case time_zone
            when 'America/New_York' then 5
            when 'America/Chicago' then 6
            when 'America/Denver' then 7
            when 'America/Phoenix' then 7
            when 'America/Los_Angeles' then 8
        end
        - if(time_zone <> 'America/Phoenix' and is_summer(local_time), 1, 0)
    );
create macro iso(utc_time) as strftime(utc_time, '%Y-%m-%dT%H:%M:%SZ');
