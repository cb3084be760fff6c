-- Payments that may be one sale with a payment of another source: collected, not decided about, with one of the same currency
-- and amount near them. In the order in which those that belong together follow one another.
--
-- $1 are the sources that count, none for all; $2 and $3 the range, by which no pair is lost that reaches into it; $4 how far
-- apart two payments may be, in seconds; $5 the source that has most payments. Time is cut into slots of that length, so two
-- that are near enough are in the same slot or in neighbouring ones: payments of all other sources say in which slots to look,
-- and one look at the payments of the largest source is enough, however many have the same amount.
--
-- `coalesce` keeps the planner from taking what is collected for next to nothing, and from comparing each with each.
WITH collected AS NOT MATERIALIZED (
    SELECT counts.source, counts.entity, counts.external_id, counts.currency, counts.amount, counts.at,
           extract(epoch FROM counts.at)::bigint / $4::bigint AS slot
    FROM revenue_rows counts
    WHERE counts.basis = 'both' AND coalesce(counts.measure = 'collected', false) AND counts.entity = 'payments' AND counts.amount > 0
      AND ($1::text[] IS NULL OR counts.source = ANY ($1))
      AND ($2::timestamptz IS NULL OR counts.at >= $2 - $4::bigint * interval '1 second')
      AND ($3::timestamptz IS NULL OR counts.at < $3 + $4::bigint * interval '1 second')
      AND NOT EXISTS (SELECT FROM revenue_exclusions decided
                      WHERE (decided.counted_source, decided.counted_entity, decided.counted_external_id)
                          = (counts.source, counts.entity, counts.external_id) AND decided.revoked_at IS NULL)
),
near AS (
    SELECT DISTINCT currency, amount, slot + shift AS slot
    FROM collected CROSS JOIN (VALUES (-1), (0), (1)) AS neighbour (shift)
    WHERE source IS DISTINCT FROM $5::text
)
SELECT collected.source AS "source!", collected.external_id AS "external_id!", payment.kind AS "kind!",
       collected.currency AS "currency!", collected.amount AS "amount!", collected.at AS "at!",
       payment.customer_external_id, payment.customer_email
FROM collected
JOIN near ON near.currency = collected.currency AND near.amount = collected.amount AND near.slot = collected.slot
JOIN payments payment ON payment.source = collected.source AND payment.entity = collected.entity
     AND payment.external_id = collected.external_id
ORDER BY collected.currency, collected.amount, collected.at
