{{ knowledge(
    ref('int_observations'), ref('revisions'), source('catalog', 'providers'), source('calendar', 'releases')
) }}
