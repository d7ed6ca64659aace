{%- from 'brinicle/map.jinja' import b with context %}
{%- set node = b.get('node') if b.get('node') is mapping else {} %}
{%- set path = node.get('path') | string %}
brinicle-node-pillar:
  test.check_pillar:
    - present:
      - brinicle:node:path
{%- if node.get('path') is string %}
{%- if node.get('from') == 'package' %}

brinicle-node-installed:
  pkg.installed:
    - name: {{ node.get('package') | tojson }}
    - require:
      - test: brinicle-node-pillar
{%- elif node.get('from') == 'archive' %}

brinicle-node-installed:
  archive.extracted:
    - name: {{ node.get('into') | tojson }}
    - source: {{ node.get('source') | tojson }}
    - source_hash: {{ ('sha256=' ~ node.get('sha256')) | tojson }}
    - source_hash_update: True
    - options: '--strip-components=1 --no-same-owner'
    - user: root
    - group: root
    - enforce_toplevel: False
    - require:
      - test: brinicle-node-pillar
{%- endif %}

{#- Runs, and fails with what it found, only where the check does not pass. #}
brinicle-node:
  cmd.run:
    - name: {{ ('echo "Brinicle needs Node.js 18 or later at ' ~ path ~ ', and found: $(' ~ path ~ ' --version 2>&1). Set node: in brinicle.yaml to a newer one." >&2; exit 1') | tojson }}
    - unless: {{ ('test "$(' ~ path ~ ' -p \'+(process.versions.node.split(`.`)[0]) >= 18\' 2>/dev/null)" = true') | tojson }}
    - require:
{%- if node.get('from') in ('package', 'archive') %}
      - {{ 'pkg' if node.get('from') == 'package' else 'archive' }}: brinicle-node-installed
{%- else %}
      - test: brinicle-node-pillar
{%- endif %}
{%- endif %}
