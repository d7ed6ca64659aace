{%- from 'brinicle/map.jinja' import b, server, os, cron_later, json_file, program_lines with context %}
{%- set quota = server.get('quota') if server.get('quota') is mapping else {} %}
{%- set node = b.get('node') if b.get('node') is mapping else {} %}
{%- set ready = server.get('archive') is string and server.get('jails') is string and quota.get('kind') is string
  and server.get('sshd') is mapping and server.get('rotate') is mapping and server.get('offsite_minute') is number
  and node.get('path') is string %}
brinicle-server-pillar:
  test.check_pillar:
    - present:
      - brinicle:server:archive
      - brinicle:server:jails
      - brinicle:server:quota:kind
      - brinicle:server:sshd
      - brinicle:server:rotate
      - brinicle:node:path
{%- if not ready %}

brinicle-server-data:
  test.fail_without_changes:
    - comment: "The pillar under brinicle: is not what Brinicle compiled for a backup server. See salt-run pillar.show_pillar for this minion."
{%- else %}

include:
  - brinicle.node
  - brinicle.jails

brinicle-user:
  user.present:
    - name: brinicle
    - system: True
    - usergroup: True
    - home: {{ server.archive | tojson }}
    - createhome: False
    - shell: /usr/sbin/nologin
    - fullname: Brinicle archive
    - require:
      - test: brinicle-server-pillar

{#- Its host keys would come into the mine only after the next mine_interval, and no host could be compiled. #}
brinicle-mine:
  module.run:
    - mine.update: []
    - onchanges:
      - user: brinicle-user

brinicle-archive:
  file.directory:
    - name: {{ server.archive | tojson }}
    - user: brinicle
    - group: brinicle
    - mode: '0700'
    - makedirs: True
    - require:
      - user: brinicle-user

brinicle-rotate-config:
  file.managed:
    - name: /etc/brinicle/rotate.json
    - contents: {{ json_file(server.rotate) }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - dir_mode: '0755'
    - require:
      - test: brinicle-server-pillar

brinicle-hosts-table:
  file.managed:
    - name: /etc/brinicle/hosts.json
    - source: salt://brinicle/files/jails.json
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - dir_mode: '0755'
    - require:
      - test: brinicle-server-pillar

{#- A part of rotate runs as the user brinicle, who must get at it also where the minion has a strict umask. #}
brinicle-programs:
  file.managed:
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - dir_mode: '0755'
    - names:
      - /usr/local/lib/brinicle/rotate.cjs:
        - source: salt://brinicle/files/rotate.cjs
      - /usr/local/lib/brinicle/archive.cjs:
        - source: salt://brinicle/files/archive.cjs
      - /usr/local/lib/brinicle/offsite.cjs:
        - source: salt://brinicle/files/offsite.cjs
    - require:
      - test: brinicle-server-pillar

brinicle-commands:
  file.managed:
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: True
    - names:
      - /usr/local/sbin/brinicle-rotate:
        - contents: {{ program_lines(node.path, 'rotate.cjs') }}
      - /usr/local/sbin/brinicle:
        - contents: {{ program_lines(node.path, 'archive.cjs') }}
      - /usr/local/sbin/brinicle-offsite:
        - contents: {{ program_lines(node.path, 'offsite.cjs') }}
    - require:
      - cmd: brinicle-node
      - file: brinicle-programs

brinicle-sshd-installed:
  pkg.installed:
    - name: {{ os.ssh_server | tojson }}
    - require:
      - test: brinicle-server-pillar

{#- sshd -t wants it, and it is gone after a boot while no sshd has run. #}
brinicle-sshd-run:
  file.directory:
    - name: /run/sshd
    - mode: '0755'
    - require:
      - pkg: brinicle-sshd-installed

brinicle-limits:
  file.managed:
    - name: /etc/security/limits.d/90-brinicle.conf
    - source: salt://brinicle/files/limits.conf
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - test: brinicle-server-pillar

brinicle-sshd:
  file.managed:
    - name: /etc/ssh/sshd_config.d/00-brinicle.conf
    - source: salt://brinicle/files/sshd.conf
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - check_cmd: /usr/sbin/sshd -t -f
    - require:
      - pkg: brinicle-sshd-installed
      - file: brinicle-sshd-run

brinicle-sshd-running:
  service.running:
    - name: {{ os.sshd | tojson }}
    - enable: True
    - require:
      - pkg: brinicle-sshd-installed

{#- Not by watch: a run that ended between the file and the reload would leave sshd on the old one for ever. #}
brinicle-sshd-loaded:
  cmd.run:
    - name: {{ ('{ systemctl reload ' ~ os.sshd ~ ' || service ' ~ os.sshd ~ ' reload; } && mkdir -p /var/lib/brinicle && sha256sum /etc/ssh/sshd_config.d/00-brinicle.conf > /var/lib/brinicle/sshd-loaded') | tojson }}
    - unless: sha256sum -c --status /var/lib/brinicle/sshd-loaded
    - require:
      - file: brinicle-sshd
      - service: brinicle-sshd-running
{%- if server.get('manage_cron') %}

brinicle-cron-installed:
  pkg.installed:
    - name: {{ os.cron | tojson }}
    - require:
      - test: brinicle-server-pillar

brinicle-cron-running:
  service.running:
    - name: {{ os.crond | tojson }}
    - enable: True
    - require:
      - pkg: brinicle-cron-installed
{%- endif %}

brinicle-rotate:
{%- if cron_later %}
  test.configurable_test_state:
    - changes: True
    - result: True
    - comment: "cron is not installed yet, so its entry cannot be shown in a test run."
{%- else %}
  cron.present:
    - identifier: brinicle-rotate
    - name: /usr/local/sbin/brinicle-rotate --cron
    - user: root
    - minute: {{ ('*/' ~ (server.get('rotate_minutes', 5) | int)) | tojson }}
    - require:
      - file: brinicle-archive
      - file: brinicle-rotate-config
      - file: brinicle-hosts-table
      - file: brinicle-commands
{%- if server.get('manage_cron') %}
      - pkg: brinicle-cron-installed
{%- endif %}
{%- endif %}
{%- if cron_later %}
{%- elif server.get('verify') is mapping %}

brinicle-verify:
  cron.present:
    - identifier: brinicle-verify
    - name: {{ ('/usr/local/sbin/brinicle verify --cron --share ' ~ server.verify.get('share')) | tojson }}
    - user: root
    - minute: {{ (server.offsite_minute | int) | string | tojson }}
    - hour: {{ (server.verify.get('hour') | int) | string | tojson }}
    - require:
      - file: brinicle-archive
      - file: brinicle-rotate-config
      - file: brinicle-hosts-table
      - file: brinicle-commands
{%- if server.get('manage_cron') %}
      - pkg: brinicle-cron-installed
{%- endif %}
{%- else %}

brinicle-verify:
  cron.absent:
    - identifier: brinicle-verify
    - name: brinicle-verify
    - user: root
    - require:
      - test: brinicle-server-pillar
{%- endif %}
{%- if cron_later %}
{%- elif server.get('drill') is mapping %}

brinicle-drill:
  cron.present:
    - identifier: brinicle-drill
    - name: /usr/local/sbin/brinicle drill --cron
    - user: root
    - minute: {{ (server.offsite_minute | int) | string | tojson }}
    - hour: {{ (server.drill.get('hour') | int) | string | tojson }}
    - daymonth: {{ (server.drill.get('day') | int) | string | tojson }}
    - require:
      - file: brinicle-archive
      - file: brinicle-rotate-config
      - file: brinicle-hosts-table
      - file: brinicle-commands
{%- if server.get('manage_cron') %}
      - pkg: brinicle-cron-installed
{%- endif %}
{%- else %}

brinicle-drill:
  cron.absent:
    - identifier: brinicle-drill
    - name: brinicle-drill
    - user: root
    - require:
      - test: brinicle-server-pillar
{%- endif %}
{%- if server.get('offsite') is mapping %}

brinicle-offsite-config:
  file.managed:
    - name: /etc/brinicle/offsite.json
    - contents: {{ json_file(server.offsite) }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - dir_mode: '0755'
    - require:
      - test: brinicle-server-pillar

brinicle-squashfs:
  pkg.installed:
    - name: {{ os.squashfs | tojson }}
    - unless: command -v mksquashfs && command -v unsquashfs
    - require:
      - test: brinicle-server-pillar
{%- if not cron_later %}

{#- Each hour: the program knows when an image is due, and goes on with one that is unfinished, after a reboot too. #}
brinicle-offsite:
  cron.present:
    - identifier: brinicle-offsite
    - name: /usr/local/sbin/brinicle-offsite --cron
    - user: root
    - minute: {{ (server.offsite_minute | int) | string | tojson }}
    - require:
      - file: brinicle-archive
      - file: brinicle-offsite-config
      - file: brinicle-hosts-table
      - file: brinicle-commands
{%- if server.get('manage_cron') %}
      - pkg: brinicle-cron-installed
{%- endif %}
{%- endif %}
{%- else %}

brinicle-offsite-config:
  file.absent:
    - name: /etc/brinicle/offsite.json
    - require:
      - test: brinicle-server-pillar
{%- if not cron_later %}

brinicle-offsite:
  cron.absent:
    - identifier: brinicle-offsite
    - name: brinicle-offsite
    - user: root
    - require:
      - test: brinicle-server-pillar
{%- endif %}
{%- endif %}
{%- if quota.kind != 'none' %}

brinicle-quota:
  brinicle_quota.limited:
    - name: brinicle-quota
    - kind: {{ quota.kind | tojson }}
    - table: salt://brinicle/files/jails.json
    - bytes: {{ quota.get('bytes') | int }}
    - inodes: {{ quota.get('inodes') | int }}
    - order: last
    - require:
      - test: brinicle-server-pillar
{%- endif %}

{#- Restores by hand want it. Where it cannot be had this state fails, and all else goes on. #}
brinicle-bsdtar:
  pkg.installed:
    - name: {{ os.bsdtar | tojson }}
    - unless: command -v bsdtar
    - failhard: False
    - require:
      - test: brinicle-server-pillar

brinicle-access:
  brinicle_access.withdrawn:
    - name: brinicle-access
    - table: salt://brinicle/files/jails.json
    - order: last
    - require:
      - test: brinicle-server-pillar

{#- Last of all: an administrator's earlier Match wins over ours, so what counts is what sshd answers. #}
brinicle-sshd-effective:
  brinicle_sshd.confined:
    - name: brinicle-sshd-effective
    - table: salt://brinicle/files/jails.json
    - expected: {{ server.sshd | tojson }}
    - source: salt://brinicle/files/sshd.conf
    - order: last
    - require:
      - file: brinicle-sshd
{%- endif %}
