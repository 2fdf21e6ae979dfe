-- The published ratio has two decimals.
{{ config(severity='warn', tags=['reconciliation']) }}
select session_date, put_call_total_ratio, put_call_total_from_volume_ratio
from {{ ref('options_sentiment_daily') }}
where abs(put_call_total_ratio - put_call_total_from_volume_ratio) > 0.0051
