{%- from 'brinicle/map.jinja' import key, os with context %}
{%- set path = key.get('path') | string %}
{%- set folder = path.rpartition('/')[0] %}
{%- set ready = key.get('path') is string and key.get('type') in ('ed25519', 'rsa') %}
brinicle-key-pillar:
  test.check_pillar:
    - present:
      - brinicle:key:path
      - brinicle:key:type
{%- if ready %}

brinicle-ssh-client:
  pkg.installed:
    - name: {{ os.ssh_client | tojson }}
    - require:
      - test: brinicle-key-pillar

brinicle-key-folder:
  file.directory:
    - name: {{ folder | tojson }}
    - user: root
    - group: root
    - mode: {{ '"0700"' if folder.endswith('/.ssh') else '"0755"' }}
    - require:
      - test: brinicle-key-pillar

brinicle-key:
  cmd.run:
    - name: {{ ("ssh-keygen -q -t " ~ key.type ~ (" -b 3072" if key.type == "rsa" else "") ~ " -N '' -C brinicle -f " ~ path) | tojson }}
    - creates: {{ path | tojson }}
    - require:
      - file: brinicle-key-folder
      - pkg: brinicle-ssh-client

{#- The mine would stay empty until the next mine_interval, and nobody could compile this host. #}
brinicle-mine:
  module.run:
    - mine.update: []
    - onchanges:
      - cmd: brinicle-key
{%- endif %}
