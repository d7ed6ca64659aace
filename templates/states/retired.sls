{%- from 'brinicle/map.jinja' import cron_later with context %}
{#- A retired host pushes no more; its key stays where it is and opens nothing. #}
brinicle-retired-pillar:
  test.check_pillar:
    - present:
      - brinicle:retired

{%- if not cron_later %}

brinicle-cron:
  cron.absent:
    - identifier: snap
    - name: brinicle-snap
    - user: root
    - require:
      - test: brinicle-retired-pillar
{%- endif %}
