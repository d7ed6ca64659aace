{%- from 'brinicle/map.jinja' import cron_later with context %}
{#- A host that is retired or no longer in the policy: its key stays where it is and opens nothing. #}
brinicle-shut-out-pillar:
  test.check_pillar:
    - present:
      - brinicle:shut_out

{%- if not cron_later %}

brinicle-cron:
  cron.absent:
    - identifier: snap
    - name: brinicle-snap
    - user: root
    - require:
      - test: brinicle-shut-out-pillar
{%- endif %}
