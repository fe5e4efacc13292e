-- How chance works here: every draw is a function of the seed, a key and a purpose, so that no
-- order of rows, number of threads or size of the population changes what happens to one person.

-- The outer hash is needed: DuckDB combines the hashes of several values by xor at the end, so two
-- purposes of one key would otherwise be the same draw with some bits flipped.
create macro draw(key, purpose) as
    (hash(hash(key, purpose, seed())) >> 11)::double / 9007199254740992.0;

-- A whole number from 0 to n - 1.
create macro pick(key, purpose, n) as cast(floor(draw(key, purpose) * n) as integer);

-- A standard normal number (Box and Muller).
create macro normal(key, purpose) as
    sqrt(-2 * ln(1 - draw(key, purpose || '/radius'))) * cos(2 * pi() * draw(key, purpose || '/angle'));

-- A waiting time with mean 1.
create macro wait(key, purpose) as -ln(1 - draw(key, purpose));

-- One of a list.
create macro one_of(key, purpose, words) as words[1 + pick(key, purpose, len(words))];

-- A local time as UTC, and as ISO 8601 text.
-- The zones of the vocabulary stand there by name: with a constant DuckDB is five times as fast.
create macro to_utc(local_time, time_zone) as
    case time_zone
        when 'America/New_York' then timezone('UTC', timezone('America/New_York', local_time))
        when 'America/Chicago' then timezone('UTC', timezone('America/Chicago', local_time))
        when 'America/Denver' then timezone('UTC', timezone('America/Denver', local_time))
        when 'America/Phoenix' then timezone('UTC', timezone('America/Phoenix', local_time))
        when 'America/Los_Angeles' then timezone('UTC', timezone('America/Los_Angeles', local_time))
        else timezone('UTC', timezone(time_zone, local_time))
    end;
create macro iso(utc_time) as strftime(utc_time, '%Y-%m-%dT%H:%M:%SZ');
