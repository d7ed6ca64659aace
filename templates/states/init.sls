{%- from 'brinicle/map.jinja' import b, error, host, server, key with context %}
{%- if b.get('skipped') is string and not error %}
brinicle-skipped:
  test.succeed_without_changes:
    - comment: {{ ('Not backed up: ' ~ b.skipped) | tojson(ensure_ascii=False) }}
{%- elif b.get('shut_out') is sameas true and not error %}
include:
  - brinicle.shut-out
{%- elif host and not error %}
include:
  - brinicle.host
{%- elif server and not error %}
include:
  - brinicle.server
{%- else %}
{#- Free text keeps its letters: libyaml refuses the escapes that tojson makes of those beyond U+FFFF. #}
{#- No data: the key is made and published all the same, so that the next compile finds it; then the run fails. #}
{%- if key %}
include:
  - brinicle.key
{%- endif %}

brinicle-pillar:
  test.fail_without_changes:
    - comment: {{ (error or "The pillar has no data of Brinicle: the ext_pillar brinicle is not loaded on the master. Is zz-brinicle.conf in master.d, and was the master restarted? Its log says why.") | tojson(ensure_ascii=False) }}
{%- endif %}
