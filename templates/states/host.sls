{%- from 'brinicle/map.jinja' import b, host, key, minute, os, cron_later, json_file, program_lines with context %}
{%- set node = b.get('node') if b.get('node') is mapping else {} %}
{%- set cron = host.get('cron') if host.get('cron') is mapping else {} %}
{%- set program = host.get('program') | string %}
{%- set ready = host.get('snap') is mapping and host.get('program') is string and key.get('path') is string
  and node.get('path') is string and cron.get('hours') is string and host.get('known_hosts') is string
  and minute is number and 0 <= minute < 60 %}
brinicle-host-pillar:
  test.check_pillar:
    - present:
      - backup_minute
      - brinicle:host:snap
      - brinicle:host:program
      - brinicle:host:known_hosts
      - brinicle:host:cron:hours
      - brinicle:key:path
      - brinicle:node:path
{%- if not ready %}

brinicle-host-data:
  test.fail_without_changes:
    - comment: "The pillar under brinicle: is not what Brinicle compiled. See salt-run pillar.show_pillar for this minion."
{%- else %}

include:
  - brinicle.key
  - brinicle.node

brinicle-known-hosts:
  file.managed:
    - name: /etc/brinicle/known_hosts
    - contents: {{ host.known_hosts | tojson }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - dir_mode: '0755'
    - require:
      - test: brinicle-host-pillar

{#- Its hooks may hold passwords, so nobody else reads it, and no job cache shows what changed. #}
brinicle-snap-config:
  file.managed:
    - name: /etc/brinicle/snap.json
    - contents: {{ json_file(host.snap) }}
    - user: root
    - group: root
    - mode: '0600'
    - makedirs: True
    - dir_mode: '0755'
    - show_changes: False
    - require:
      - test: brinicle-host-pillar

brinicle-snap-state:
  file.directory:
    - name: /var/lib/brinicle
    - user: root
    - group: root
    - mode: '0700'
    - require:
      - test: brinicle-host-pillar

brinicle-snap-program:
  file.managed:
    - name: /usr/local/lib/brinicle/snap.cjs
    - source: salt://brinicle/files/snap.cjs
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - dir_mode: '0755'
    - require:
      - test: brinicle-host-pillar

brinicle-snap:
  file.managed:
    - name: {{ program | tojson }}
    - contents: {{ program_lines(node.path, 'snap.cjs') }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: True
    - require:
      - cmd: brinicle-node
      - file: brinicle-snap-program
{%- if cron.get('manage') %}

brinicle-cron-installed:
  pkg.installed:
    - name: {{ os.cron | tojson }}
    - require:
      - test: brinicle-host-pillar

brinicle-cron-running:
  service.running:
    - name: {{ os.crond | tojson }}
    - enable: True
    - require:
      - pkg: brinicle-cron-installed
{%- endif %}

brinicle-cron:
{%- if cron_later %}
  test.configurable_test_state:
    - changes: True
    - result: True
    - comment: "cron is not installed yet, so its entry cannot be shown in a test run."
{%- else %}
  cron.present:
    - identifier: snap
    - name: {{ (program ~ ' --cron') | tojson }}
    - user: root
    - hour: {{ cron.hours | tojson }}
    - minute: {{ (minute | int) | string | tojson }}
    - require:
      - file: brinicle-snap
      - file: brinicle-snap-config
      - file: brinicle-snap-state
      - file: brinicle-known-hosts
      - cmd: brinicle-key
{%- if cron.get('manage') %}
      - pkg: brinicle-cron-installed
{%- endif %}
{%- endif %}

{#- Reads extended attributes and ACLs. Where it cannot be had this state fails, and backups go on without them. #}
brinicle-attr:
  pkg.installed:
    - name: attr
    - unless: command -v getfattr
    - failhard: False
    - require:
      - test: brinicle-host-pillar
{%- endif %}
