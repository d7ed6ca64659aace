/**
 * The states that Brinicle replaces, as one writes them by hand: a loop over the mine, three states a host, each
 * requiring its account. The mine comes from a file instead of `mine.get`, which is not there without a master.
 */
export const HAND_WRITTEN_LOOP = `{% import_json 'loop/mine.json' as mine %}
{% for server, users in mine.items() %}
{% set account = 'h' ~ loop.index %}
{{ account }}:
  user.present:
    - home: /srv/backup/{{ account }}
    - shell: /usr/sbin/nologin

{{ account }}-key:
  ssh_auth.present:
    - user: {{ account }}
    - names:
{% for key in users.root.values() %}
      - {{ key | trim }}
{% endfor %}
    - require:
      - user: {{ account }}

/srv/backup/{{ account }}/inbox:
  file.directory:
    - user: {{ account }}
    - mode: '0700'
    - makedirs: True
    - require:
      - user: {{ account }}
{% endfor %}
`;
